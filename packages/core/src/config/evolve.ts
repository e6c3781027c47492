import type { ConfigChanged } from "@posthorn/proto"
import { isId } from "../ids.ts"
import { type ConfigTable } from "./config-table.ts"
import { applicationIdOf, idOf, type Entity, type EntityChange } from "./entities.ts"

/**
 * Applies the next record of `config` to the table, in place, and answers what it changed; nothing when the record takes no effect.
 * `offset` is the record's. Depends on the records and their order alone: every reader of the topic comes to the same table, whatever raced when they were written.
 */
export function evolve(table: ConfigTable, change: ConfigChanged, offset: number): readonly EntityChange[] {
  if (BigInt(table.version(change.entityId)) !== change.expectedVersion) return []
  if (change.state.case === "deleted") return table.remove(change.entityId)
  const entity = entityOf(change, voidBefore(table, change, offset))
  return entity !== undefined && fits(table, change.entityId, entity) ? [table.put(entity)] : []
}

function voidBefore(table: ConfigTable, { entityId, state }: ConfigChanged, offset: number): number {
  const before = table.subscription(entityId)
  if (before === undefined || state.case !== "subscription") return 0
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
      const { subscription, secrets, sourceSecret } = state.value
      return subscription && { kind: "subscription", version, subscription, secrets, sourceSecret, voidBefore: before }
    }
    case "task": {
      const { task } = state.value
      return task && { kind: "task", version, task }
    }
    default:
      return undefined
  }
}

/** What belongs to an application that was deleted meanwhile stays out, and nothing ever moves to another application. */
function fits(table: ConfigTable, entityId: string, entity: Entity): boolean {
  const before = table.entity(entityId)
  if (idOf(entity) !== entityId || !isId(entity.kind, entityId)) return false
  if (before !== undefined) return applicationIdOf(before) === applicationIdOf(entity)
  return entity.kind === "application" || table.application(applicationIdOf(entity)) !== undefined
}
