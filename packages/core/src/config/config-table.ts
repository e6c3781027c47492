import {
  applicationIdOf,
  idOf,
  type ApplicationEntity,
  type Entity,
  type EntityChange,
  type EventTypeEntity,
  type KeyEntity,
  type SubscriptionEntity,
  type TaskEntity,
} from "./entities.ts"
import { PackedSubscriptions } from "./packed-subscriptions.ts"
import { RecentCommands } from "./recent-commands.ts"
import { SortedIds } from "./sorted-ids.ts"

interface Owned {
  readonly keys: SortedIds
  readonly subscriptions: SortedIds
  readonly tasks: SortedIds
  readonly eventTypes: SortedIds
}

/** Every application and what it owns: the fold of the `config` topic, kept in memory by every service. Only `evolve` changes it. */
export class ConfigTable {
  readonly #entities = new Map<string, Exclude<Entity, SubscriptionEntity>>()
  readonly #subscriptions = new PackedSubscriptions()
  readonly #applications = new SortedIds()
  readonly #owned = new Map<string, Owned>()
  /** What was asked for with an idempotency key and took effect. */
  readonly commands = new RecentCommands()

  /** 0 = there is no such entity. */
  version(id: string): number {
    return this.#entities.get(id)?.version ?? this.#subscriptions.version(id)
  }

  entity(id: string): Entity | undefined {
    return this.#entities.get(id) ?? this.#subscriptions.get(id)
  }

  application(id: string): ApplicationEntity | undefined {
    const entity = this.#entities.get(id)
    return entity?.kind === "application" ? entity : undefined
  }

  /** How long an application wants its events kept; 0 = it has not said. */
  retentionHoursOf(applicationId: string): number {
    return this.application(applicationId)?.application.retentionHours ?? 0
  }

  key(id: string): KeyEntity | undefined {
    const entity = this.#entities.get(id)
    return entity?.kind === "key" ? entity : undefined
  }

  subscription(id: string): SubscriptionEntity | undefined {
    return this.#subscriptions.get(id)
  }

  task(id: string): TaskEntity | undefined {
    const entity = this.#entities.get(id)
    return entity?.kind === "task" ? entity : undefined
  }

  /** By `eventTypeIdOf`; predefined ones that the application has not defined are not in the table. */
  eventType(id: string): EventTypeEntity | undefined {
    const entity = this.#entities.get(id)
    return entity?.kind === "event type" ? entity : undefined
  }

  /** How many entities there are. */
  get size(): number {
    return this.#entities.size + this.#subscriptions.size
  }

  /** Of all there is, applications first. */
  *ids(): Generator<string> {
    for (const id of this.#applications) yield id
    for (const [id, { kind }] of this.#entities) if (kind !== "application") yield id
    yield* this.#subscriptions.ids()
  }

  applications(): SortedIds {
    return this.#applications
  }

  /** Ids of an application's keys, revoked ones included. */
  keysOf(applicationId: string): SortedIds {
    return this.#owned.get(applicationId)?.keys ?? new SortedIds()
  }

  /** Ids of an application's subscriptions, disabled ones included. */
  subscriptionsOf(applicationId: string): SortedIds {
    return this.#owned.get(applicationId)?.subscriptions ?? new SortedIds()
  }

  /** Ids of an application's tasks, ended ones included. */
  tasksOf(applicationId: string): SortedIds {
    return this.#owned.get(applicationId)?.tasks ?? new SortedIds()
  }

  /** Ids of the event types that an application has defined, by name. */
  eventTypesOf(applicationId: string): SortedIds {
    return this.#owned.get(applicationId)?.eventTypes ?? new SortedIds()
  }

  /** Adds an entity or takes the place of the one with its id. The application that owns it must be there. */
  put(entity: Entity): EntityChange {
    const id = idOf(entity)
    const before = this.entity(id)
    if (entity.kind === "subscription") this.#subscriptions.put(entity)
    else this.#entities.set(id, entity)
    if (entity.kind === "application") {
      this.#applications.add(id)
      if (before === undefined) this.#owned.set(id, nothingOwned())
    } else {
      this.#idsBeside(entity)?.add(id)
    }
    return { before, after: entity }
  }

  /** Removes an entity; an application goes with everything that it owns. */
  remove(id: string): readonly EntityChange[] {
    const before = this.entity(id)
    if (before === undefined) return []
    this.#delete(id)
    if (before.kind !== "application") {
      this.#idsBeside(before)?.remove(id)
      return [{ before, after: undefined }]
    }
    const changes: EntityChange[] = []
    const owned = this.#owned.get(id)
    for (const ids of owned ? [owned.subscriptions, owned.keys, owned.tasks, owned.eventTypes] : []) {
      for (const each of ids) {
        changes.push({ before: this.entity(each), after: undefined })
        this.#delete(each)
      }
    }
    this.#owned.delete(id)
    this.#applications.remove(id)
    return [...changes, { before, after: undefined }]
  }

  #delete(id: string): void {
    this.#entities.delete(id)
    this.#subscriptions.remove(id)
  }

  #idsBeside(entity: Exclude<Entity, ApplicationEntity>): SortedIds | undefined {
    const owned = this.#owned.get(applicationIdOf(entity))
    switch (entity.kind) {
      case "key":
        return owned?.keys
      case "subscription":
        return owned?.subscriptions
      case "task":
        return owned?.tasks
      case "event type":
        return owned?.eventTypes
    }
  }
}

function nothingOwned(): Owned {
  return { keys: new SortedIds(), subscriptions: new SortedIds(), tasks: new SortedIds(), eventTypes: new SortedIds() }
}
