import { timestampMs } from "@bufbuild/protobuf/wkt"
import type { ConfigChanged, SnapshotEntity } from "@posthorn/proto"
import { isEventTypeName } from "../event/event-type-name.ts"
import { isId } from "../ids.ts"
import { type ConfigTable } from "./config-table.ts"
import { applicationIdOf, idOf, type Entity, type EntityChange } from "./entities.ts"
import { eventTypeEntity } from "./event-type-definition.ts"

/** Names what `evolve` makes of records: to be raised with every change after which the same records come to another table. */
export const CONFIG_RULES = 2

/**
 * Applies the next record of `config` to the table, in place, and answers what it changed; nothing when the record takes no effect.
 * `offset` is the record's. Depends on the records and their order alone: every reader of the topic comes to the same table, whatever raced when they were written.
 */
export function evolve(table: ConfigTable, change: ConfigChanged, offset: number): readonly EntityChange[] {
  const { command, entityId } = change
  if (BigInt(table.version(entityId)) !== change.expectedVersion) return []
  if (command !== undefined && table.commands.repeats(command.name, offset)) return []
  const changes = applied(table, change, offset)
  if (changes.length > 0) noteCommand(table, change, offset)
  return changes
}

function noteCommand(table: ConfigTable, { command, entityId, changedAt }: ConfigChanged, offset: number): void {
  if (command === undefined) return
  const { name, content } = command
  table.commands.note({ name, content, entityId, offset, atMs: changedAt ? timestampMs(changedAt) : 0 })
}

function applied(table: ConfigTable, change: ConfigChanged, offset: number): readonly EntityChange[] {
  if (change.state.case === "deleted") return table.remove(change.entityId)
  const entity = entityOf(change, voidBefore(table, change, offset))
  return entity !== undefined && fits(table, change.entityId, entity) ? [table.put(entity)] : []
}

/** Puts back what was captured: an entity into a table that has none of its id, or a request that took effect. */
export function restore(table: ConfigTable, { change, voidBefore: before, offset }: SnapshotEntity): void {
  if (change?.command !== undefined) noteCommand(table, change, Number(offset))
  const entity = change && entityOf(change, Number(before))
  if (entity !== undefined) table.put(entity)
}

function voidBefore(table: ConfigTable, { entityId, state }: ConfigChanged, offset: number): number {
  if (state.case !== "subscription") return 0
  const before = table.subscription(entityId)
  if (before === undefined) return 0
  const wasEnabled = before.subscription.enabled ?? true
  return wasEnabled && state.value.subscription?.enabled === false ? offset + 1 : before.voidBefore
}

function entityOf({ state, expectedVersion }: ConfigChanged, before: number): Entity | undefined {
  const version = Number(expectedVersion) + 1
  switch (state.case) {
    case "application": {
      const { application } = state.value
      return application && { kind: "application", version, application }
    }
    case "key": {
      const { key, tokenHash } = state.value
      return key && { kind: "key", version, key, tokenHash }
    }
    case "subscription": {
      const { subscription, secrets, sourceSecret, sourceSecretFingerprint } = state.value
      const sealed = { secrets, sourceSecret, sourceSecretFingerprint }
      return subscription && { kind: "subscription", version, subscription, ...sealed, voidBefore: before }
    }
    case "task": {
      const { task, replay } = state.value
      return task && { kind: "task", version, task, replay }
    }
    case "eventType": {
      const { eventType } = state.value
      return eventType && eventTypeEntity(eventType, version)
    }
    default:
      return undefined
  }
}

/** What belongs to an application that was deleted meanwhile stays out, and nothing ever moves to another application. */
function fits(table: ConfigTable, entityId: string, entity: Entity): boolean {
  const before = table.entity(entityId)
  const named = entity.kind === "event type" ? isEventTypeName(entity.name) : isId(entity.kind, entityId)
  if (idOf(entity) !== entityId || !named) return false
  if (before !== undefined) return applicationIdOf(before) === applicationIdOf(entity)
  return entity.kind === "application" || table.application(applicationIdOf(entity)) !== undefined
}
