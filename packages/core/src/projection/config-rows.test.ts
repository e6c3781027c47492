import { create } from "@bufbuild/protobuf"
import { ConfigChangedSchema, type ConfigChanged } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { ConfigTable } from "../config/config-table.ts"
import { applicationIdOf, idOf, type Entity } from "../config/entities.ts"
import { evolve } from "../config/evolve.ts"
import { formatId } from "../ids.ts"
import { foldConfig, idsNamedBy, type KnownEntity } from "./config-rows.ts"

const bytes = (last: number) => new Uint8Array(16).fill(last, 15)
const APPLICATIONS = [formatId("application", bytes(1)), formatId("application", bytes(2))]
const OWNED = [formatId("subscription", bytes(3)), formatId("subscription", bytes(4)), formatId("key", bytes(5)), `${APPLICATIONS[0]}/a.b`]

const change = fc.record({
  entityId: fc.constantFrom(...APPLICATIONS, ...OWNED),
  // Mostly the version that an entity of a short history has, sometimes one that lost a race.
  expectedVersion: fc.nat({ max: 3 }).map(BigInt),
  applicationId: fc.constantFrom(...APPLICATIONS),
  deleted: fc.nat({ max: 4 }).map((number) => number === 0),
  /** The request that it carries out. */
  name: fc.option(fc.constantFrom("cmd_a", "cmd_b"), { nil: undefined }),
})

function changeOf({
  entityId,
  expectedVersion,
  applicationId,
  deleted,
  name,
}: {
  entityId: string
  expectedVersion: bigint
  applicationId: string
  deleted: boolean
  name: string | undefined
}): ConfigChanged {
  const base = {
    entityId,
    expectedVersion,
    changeId: `${entityId}/${expectedVersion}`,
    ...(name === undefined ? {} : { command: { name } }),
  }
  if (deleted) return create(ConfigChangedSchema, { ...base, state: { case: "deleted", value: {} } })
  if (entityId.includes("/"))
    return create(ConfigChangedSchema, { ...base, state: { case: "eventType", value: { eventType: { applicationId, name: "a.b" } } } })
  if (entityId.startsWith("app_"))
    return create(ConfigChangedSchema, { ...base, state: { case: "application", value: { application: { id: entityId } } } })
  if (entityId.startsWith("key_"))
    return create(ConfigChangedSchema, { ...base, state: { case: "key", value: { key: { id: entityId, applicationId } } } })
  return create(ConfigChangedSchema, { ...base, state: { case: "subscription", value: { subscription: { id: entityId, applicationId } } } })
}

const knownOf = (entity: Entity): KnownEntity => ({
  kind: entity.kind,
  id: idOf(entity),
  applicationId: applicationIdOf(entity),
  version: entity.version,
})

test("rows folded stretch by stretch are the table that every reader of config has", () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 6 }), (stretches) => {
      const table = new ConfigTable()
      const rows = new Map<string, KnownEntity>()
      const effective: number[] = []
      const audited: number[] = []
      let offset = 0
      for (const stretch of stretches) {
        const changes = stretch.map((fields) => ({ offset: offset++, change: changeOf(fields) }))
        const named = idsNamedBy(changes.map((each) => each.change))
        const folded = foldConfig(
          changes,
          [...rows.values()].filter(({ id }) => named.includes(id)),
        )
        for (const each of changes) if (evolve(table, each.change, each.offset).length > 0) effective.push(each.offset)
        audited.push(...folded.audit.map((row) => row.configOffset ?? -1))
        // As the store does it: what is gone takes along what it owns, then what is there is put.
        for (const row of Array.from(rows.values()))
          if (folded.removed.includes(row.id) || folded.removed.includes(row.applicationId)) rows.delete(row.id)
        for (const entity of folded.put) rows.set(idOf(entity), knownOf(entity))
        for (const { command: id, configOffset = 0 } of folded.audit)
          if (id !== undefined) rows.set(id, { kind: "command", id, applicationId: "", version: configOffset })
      }
      expect(audited).toEqual(effective)
      const all = [...APPLICATIONS, ...OWNED].flatMap((id) => table.entity(id) ?? [])
      expect([...rows.values()].filter(({ kind }) => kind !== "command").toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
        all.map(knownOf).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      )
    }),
    { numRuns: 500 },
  )
})
