import type { Application, Key, ReplayProgress, SigningSecret, Subscription, Task } from "@posthorn/proto"

/** What `config` holds, as last changed. The messages are shared with everybody who asks: never change them. */
export interface ApplicationEntity {
  readonly kind: "application"
  /** Grows by one with every change; 1 = as created. */
  readonly version: number
  readonly application: Application
}

export interface KeyEntity {
  readonly kind: "key"
  readonly version: number
  readonly key: Key
  /** See `KeyState.token_hash`. */
  readonly tokenHash: string
}

export interface SubscriptionEntity {
  readonly kind: "subscription"
  readonly version: number
  readonly subscription: Subscription
  /** Encrypted, newest first. */
  readonly secrets: readonly SigningSecret[]
  /** Encrypted; empty = none. */
  readonly sourceSecret: string
  /** See `SigningSecret.fingerprint`. */
  readonly sourceSecretFingerprint: string
  /**
   * What was begun by somebody who had read `config` no further than this offset is not sent any more: one past the record that last
   * disabled the subscription; 0 = it never was.
   */
  readonly voidBefore: number
}

export interface TaskEntity {
  readonly kind: "task"
  readonly version: number
  readonly task: Task
  /** How far a replay has come; `undefined` = nobody has begun to work at it, or it is none. */
  readonly replay?: ReplayProgress | undefined
}

export interface EventTypeEntity {
  readonly kind: "event type"
  readonly version: number
  readonly applicationId: string
  readonly name: string
  /** An encoded `EventType`, see `eventTypeOf`. */
  readonly definition: Uint8Array
}

export type Entity = ApplicationEntity | KeyEntity | SubscriptionEntity | TaskEntity | EventTypeEntity

/** One entity before and after; `undefined` = not there. */
export interface EntityChange {
  readonly before: Entity | undefined
  readonly after: Entity | undefined
}

export function idOf(entity: Entity): string {
  switch (entity.kind) {
    case "application":
      return entity.application.id
    case "key":
      return entity.key.id
    case "subscription":
      return entity.subscription.id
    case "task":
      return entity.task.id
    case "event type":
      return `${entity.applicationId}/${entity.name}`
  }
}

/** The application that an entity belongs to; an application belongs to itself. */
export function applicationIdOf(entity: Entity): string {
  switch (entity.kind) {
    case "application":
      return entity.application.id
    case "key":
      return entity.key.applicationId
    case "subscription":
      return entity.subscription.applicationId
    case "task":
      return entity.task.applicationId
    case "event type":
      return entity.applicationId
  }
}
