import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  ApplicationStateSchema,
  ConfigChangedSchema,
  EventTypeStateSchema,
  KeyStateSchema,
  SnapshotEntitySchema,
  SubscriptionStateSchema,
  TaskStateSchema,
  type ConfigChanged,
  type SnapshotEntity,
} from "@posthorn/proto"
import type { ConfigTable } from "./config-table.ts"
import type { CommandDone } from "./recent-commands.ts"
import { applicationIdOf, idOf, type Entity, type EntityChange } from "./entities.ts"
import { eventTypeOf } from "./event-type-definition.ts"

/**
 * The table as it is now, taken a portion at a time while it goes on changing: what changes before its turn is taken as it was.
 * An application comes before what it owns.
 */
export class ConfigCapture {
  readonly #table: ConfigTable
  /** In the table at the beginning, and neither taken nor changed since. */
  readonly #waiting: Set<string>
  readonly #before: SnapshotEntity[] = []
  /** Oldest first. */
  readonly #commands: SnapshotEntity[]

  constructor(table: ConfigTable) {
    this.#table = table
    this.#waiting = new Set(table.ids())
    this.#commands = [...table.commands].map(commandSnapshot)
  }

  /** To be called with every change of the table, once the table shows it. */
  changed(changes: readonly EntityChange[]): void {
    // An application that goes comes last.
    for (const { before } of changes.toReversed()) {
      if (before === undefined || !this.#waiting.delete(idOf(before))) continue
      const application = before.kind === "application" ? undefined : this.#table.application(applicationIdOf(before))
      if (application !== undefined && this.#waiting.delete(idOf(application))) this.#before.push(snapshotOf(application))
      this.#before.push(snapshotOf(before))
    }
  }

  /** At most so many more; none when all are taken. */
  take(count: number): readonly SnapshotEntity[] {
    const taken = this.#before.splice(0, count)
    for (const id of this.#waiting) {
      if (taken.length >= count) break
      this.#waiting.delete(id)
      const entity = this.#table.entity(id)
      if (entity !== undefined) taken.push(snapshotOf(entity))
    }
    return taken.length > 0 ? taken : this.#commands.splice(0, count)
  }
}

function commandSnapshot({ name, content, entityId, offset, atMs }: CommandDone): SnapshotEntity {
  const change = create(ConfigChangedSchema, { entityId, changedAt: timestampFromMs(atMs), command: { name, content } })
  return create(SnapshotEntitySchema, { change, offset: BigInt(offset) })
}

function snapshotOf(entity: Entity): SnapshotEntity {
  return create(SnapshotEntitySchema, {
    change: create(ConfigChangedSchema, { entityId: idOf(entity), expectedVersion: BigInt(entity.version - 1), state: stateOf(entity) }),
    voidBefore: BigInt(entity.kind === "subscription" ? entity.voidBefore : 0),
  })
}

function stateOf(entity: Entity): ConfigChanged["state"] {
  switch (entity.kind) {
    case "application":
      return { case: "application", value: create(ApplicationStateSchema, { application: entity.application }) }
    case "key":
      return { case: "key", value: create(KeyStateSchema, { key: entity.key, tokenHash: entity.tokenHash }) }
    case "subscription": {
      const { subscription, secrets, sourceSecret, sourceSecretFingerprint } = entity
      const state = { subscription, secrets: [...secrets], sourceSecret, sourceSecretFingerprint }
      return { case: "subscription", value: create(SubscriptionStateSchema, state) }
    }
    case "task": {
      const { task, replay } = entity
      return { case: "task", value: create(TaskStateSchema, { task, ...(replay ? { replay } : {}) }) }
    }
    case "event type":
      return { case: "eventType", value: create(EventTypeStateSchema, { eventType: eventTypeOf(entity) }) }
  }
}
