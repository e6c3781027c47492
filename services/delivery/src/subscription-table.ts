import {
  isEnabled,
  SubscriptionIndex,
  prepareSecret,
  type Crypto,
  type EntityChange,
  type PreparedSecret,
  type SubscriptionEntity,
} from "@posthorn/core"
import { timestampMs } from "@bufbuild/protobuf/wkt"

export interface SubscriptionTable {
  /** The enabled subscriptions of an application that want an event type. */
  match(applicationId: string, type: string): readonly SubscriptionEntity[]
  /** The enabled subscriptions of an application that name an event type as it is, without wildcards. */
  named(applicationId: string, type: string): readonly SubscriptionEntity[]
  get(subscriptionId: string): SubscriptionEntity | undefined
  /** Whether what is due for a subscription has to wait until it is resumed. */
  isPaused(subscriptionId: string): boolean
  /** The secrets that sign now, newest first. */
  secretsOf(entity: SubscriptionEntity, nowMs: number): readonly PreparedSecret[]
  /** To be called with every change of the config table. */
  changed(changes: readonly EntityChange[]): void
}

export interface SubscriptionTableOptions {
  /** Of the config table. */
  readonly find: (subscriptionId: string) => SubscriptionEntity | undefined
  readonly crypto: Crypto
  /** Gives the secret in clear. */
  readonly decrypt: (encrypted: string, entity: SubscriptionEntity) => string
}

/** What delivery needs to know of subscriptions, kept beside the config table: an index by event type, and secrets ready to sign with. */
export function createSubscriptionTable({ find, crypto, decrypt }: SubscriptionTableOptions): SubscriptionTable {
  const indexes = new Map<string, SubscriptionIndex>()
  const prepared = new WeakMap<SubscriptionEntity, readonly { secret: PreparedSecret; expiresAtMs: number }[]>()
  const entitiesOf = (ids: Iterable<string>): readonly SubscriptionEntity[] => {
    const entities: SubscriptionEntity[] = []
    for (const id of ids) {
      const entity = find(id)
      if (entity) entities.push(entity)
    }
    return entities
  }
  return {
    get: find,
    isPaused(subscriptionId) {
      const entity = find(subscriptionId)
      return entity !== undefined && isEnabled(entity) && entity.subscription.paused
    },
    match: (applicationId, type) => entitiesOf(indexes.get(applicationId)?.match(type) ?? []),
    named: (applicationId, type) => entitiesOf(indexes.get(applicationId)?.named(type) ?? []),
    secretsOf(entity, nowMs) {
      let secrets = prepared.get(entity)
      if (secrets === undefined) {
        secrets = entity.secrets.map(({ encrypted, expiresAt }) => ({
          secret: prepareSecret(decrypt(encrypted, entity), crypto),
          expiresAtMs: expiresAt ? timestampMs(expiresAt) : Number.POSITIVE_INFINITY,
        }))
        prepared.set(entity, secrets)
      }
      return secrets.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ secret }) => secret)
    },
    changed(changes) {
      for (const { before, after } of changes) {
        if (before?.kind === "subscription") unindex(indexes, before)
        if (after?.kind === "subscription" && isEnabled(after)) index(indexes, after)
      }
    },
  }
}

function index(indexes: Map<string, SubscriptionIndex>, { subscription }: SubscriptionEntity): void {
  let found = indexes.get(subscription.applicationId)
  if (found === undefined) indexes.set(subscription.applicationId, (found = new SubscriptionIndex()))
  found.add(subscription.id, subscription.eventTypes)
}

function unindex(indexes: Map<string, SubscriptionIndex>, { subscription }: SubscriptionEntity): void {
  indexes.get(subscription.applicationId)?.remove(subscription.id, subscription.eventTypes)
}
