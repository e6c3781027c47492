import { clone, create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  SourceSchema,
  SubscriptionSchema,
  SubscriptionStateSchema,
  type ConfigChanged,
  type SigningSecret,
  type Subscription,
} from "@posthorn/proto"
import { isRefusal, refuse, type Refusal, type Violation } from "../refusal.ts"
import { applyMask } from "./apply-mask.ts"
import { changed, etagOf, judgeEtag, noSuch, type Change, type ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"
import type { SubscriptionEntity } from "./entities.ts"
import { deleted } from "./deleted.ts"
import { fillDefaults, needsSecret, secretFault, subscriptionViolations } from "./subscription-rules.ts"
import { rotatedSecrets } from "./rotated-secrets.ts"

/** Fields that the server sets. `disabled_reason` comes with disabling, `paused` with pausing, `health` from elsewhere. */
const SERVER_FIELDS = ["id", "application_id", "disabled_reason", "created_at", "updated_at", "etag", "paused", "health"]
const DISABLED_BY_UPDATE = "disabled by an update"

/** What a command says about a subscription, its secrets already encrypted. */
interface Wanted {
  /** `secret` and `source.secret` are looked at for their form alone. */
  readonly subscription: Subscription
  /** The secrets that sign from now on; `undefined` = those that sign today. */
  readonly secrets: readonly SigningSecret[] | undefined
  /** `undefined` = the one of today. Dropped when the source needs none. */
  readonly sourceSecret: string | undefined
  /** Of `sourceSecret`. See `SigningSecret.fingerprint`. */
  readonly sourceSecretFingerprint?: string
  /** Why a URL may not be delivered to, or `undefined` when it may. Must be pure. */
  readonly judgeUrl: (url: string) => string | undefined
}

export interface CreateSubscription extends Wanted {
  readonly id: string
  readonly applicationId: string
}

export function decideCreateSubscription(table: ConfigTable, command: CreateSubscription, context: ChangeContext): ConfigChanged | Refusal {
  if (table.application(command.applicationId) === undefined) return noSuch("application")
  const subscription = clone(SubscriptionSchema, command.subscription)
  subscription.id = command.id
  subscription.applicationId = command.applicationId
  subscription.createdAt = timestampFromMs(context.nowMs)
  subscription.paused = false
  delete subscription.health
  return judged({ command, subscription }, context)
}

export interface UpdateSubscription extends Wanted {
  readonly subscriptionId: string
  /** As in `applyMask`. */
  readonly paths: readonly string[]
}

export function decideUpdateSubscription(table: ConfigTable, command: UpdateSubscription, context: ChangeContext): ConfigChanged | Refusal {
  const before = table.subscription(command.subscriptionId)
  if (before === undefined) return noSuch("subscription")
  const stale = judgeEtag(before, command.subscription.etag)
  if (stale) return stale
  const { paths, subscription: wanted } = command
  const subscription = applyMask({ schema: SubscriptionSchema, current: before.subscription, wanted, paths, serverFields: SERVER_FIELDS })
  return isRefusal(subscription) ? subscription : judged({ command, subscription, before }, context)
}

export interface RotateSecret {
  readonly subscriptionId: string
  /** Looked at for its form alone. */
  readonly plain: string
  readonly secret: SigningSecret
  /** How long the secrets of today go on signing. */
  readonly overlapSeconds: number
}

export function decideRotateSecret(table: ConfigTable, command: RotateSecret, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.subscription(command.subscriptionId)
  if (entity === undefined) return noSuch("subscription")
  const reason = secretFault(command.plain)
  if (reason !== undefined) return refuse("invalid_argument", "The secret cannot be accepted.", { details: [{ field: "secret", reason }] })
  const secrets = rotatedSecrets(entity.secrets, command, context.nowMs)
  if (isRefusal(secrets)) return secrets
  const subscription = clone(SubscriptionSchema, entity.subscription)
  return changed(stateOf({ ...entity, subscription, secrets }, context), context)
}

export interface DeleteSubscription {
  readonly subscriptionId: string
  /** Empty = whatever it is. */
  readonly etag: string
}

export function decideDeleteSubscription(table: ConfigTable, command: DeleteSubscription, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.subscription(command.subscriptionId)
  return entity === undefined ? noSuch("subscription") : (judgeEtag(entity, command.etag) ?? changed(deleted(entity), context))
}

/** `undefined` = there is nothing to do: no such subscription, or it is enabled. */
export function decideEnable(table: ConfigTable, subscriptionId: string, context: ChangeContext): ConfigChanged | undefined {
  const entity = table.subscription(subscriptionId)
  if (entity === undefined || entity.subscription.enabled) return undefined
  return switched(entity, { enabled: true, disabledReason: "" }, context)
}

/** `undefined` = there is nothing to do: no such subscription, or it is disabled, whatever the reason. */
export function decideDisable(
  table: ConfigTable,
  { subscriptionId, reason }: { readonly subscriptionId: string; readonly reason: string },
  context: ChangeContext,
): ConfigChanged | undefined {
  const entity = table.subscription(subscriptionId)
  if (entity === undefined || !entity.subscription.enabled) return undefined
  return switched(entity, { enabled: false, disabledReason: reason }, context)
}

/** Whether it is enabled is another matter. `undefined` = there is nothing to do: no such subscription, or it is as wanted. */
export function decidePause(table: ConfigTable, subscriptionId: string, context: ChangeContext): ConfigChanged | undefined {
  const entity = table.subscription(subscriptionId)
  return entity === undefined || entity.subscription.paused ? undefined : switched(entity, { paused: true }, context)
}

/** As `decidePause`. */
export function decideResume(table: ConfigTable, subscriptionId: string, context: ChangeContext): ConfigChanged | undefined {
  const entity = table.subscription(subscriptionId)
  return entity === undefined || !entity.subscription.paused ? undefined : switched(entity, { paused: false }, context)
}

interface Draft {
  readonly command: Wanted
  /** Changed in place. */
  readonly subscription: Subscription
  readonly before?: SubscriptionEntity
}

function judged({ command, subscription, before }: Draft, context: ChangeContext): ConfigChanged | Refusal {
  const scheme = subscription.source?.scheme
  const sourceSecret = !needsSecret(scheme) ? "" : (command.sourceSecret ?? before?.sourceSecret ?? "")
  const details: Violation[] = subscriptionViolations(subscription)
  const urlFault = subscription.url === before?.subscription.url ? undefined : command.judgeUrl(subscription.url)
  if (urlFault !== undefined) details.push({ field: "subscription.url", reason: urlFault })
  if (needsSecret(scheme) && sourceSecret === "")
    details.push({ field: "subscription.source.secret", reason: "this scheme needs a secret" })
  if (details.length > 0) return refuse("invalid_argument", "The subscription has fields that cannot be accepted.", { details })
  fillDefaults(subscription)
  settleReason(subscription, before)
  const secrets = command.secrets ?? before?.secrets ?? []
  const kept = command.sourceSecret === undefined ? before?.sourceSecretFingerprint : command.sourceSecretFingerprint
  const sourceSecretFingerprint = sourceSecret === "" ? "" : (kept ?? "")
  return changed(stateOf({ subscription, secrets, sourceSecret, sourceSecretFingerprint, version: before?.version ?? 0 }, context), context)
}

function settleReason(subscription: Subscription, before: SubscriptionEntity | undefined): void {
  const stillDisabled = before !== undefined && !before.subscription.enabled
  if (subscription.enabled) subscription.disabledReason = ""
  else if (!stillDisabled) subscription.disabledReason = DISABLED_BY_UPDATE
}

type Switches = Partial<Pick<Subscription, "enabled" | "disabledReason" | "paused">>

function switched(entity: SubscriptionEntity, to: Switches, context: ChangeContext): ConfigChanged {
  const subscription = Object.assign(clone(SubscriptionSchema, entity.subscription), to)
  return changed(stateOf({ ...entity, subscription }, context), context)
}

/** Fills in what the server sets, in place, and takes the secrets' plain texts out, and secrets whose time is over. */
function stateOf(next: Omit<SubscriptionEntity, "kind" | "voidBefore">, context: ChangeContext): Change {
  const { subscription, secrets, sourceSecret, sourceSecretFingerprint, version } = next
  delete subscription.secret
  if (subscription.source) subscription.source = create(SourceSchema, { ...subscription.source, secret: "" })
  subscription.updatedAt = timestampFromMs(context.nowMs)
  subscription.etag = etagOf(version + 1)
  const live = secrets.filter(({ expiresAt }) => expiresAt === undefined || timestampMs(expiresAt) > context.nowMs)
  const value = create(SubscriptionStateSchema, { subscription, secrets: live, sourceSecret, sourceSecretFingerprint })
  return { entityId: subscription.id, version, state: { case: "subscription", value } }
}
