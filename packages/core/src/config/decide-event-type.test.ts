import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { ApplicationSchema, EventTypeSchema, type ConfigChanged, type EventType } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import * as limits from "../limits.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { decideCreateApplication } from "./decide-application.ts"
import { decideCreateEventType, decideDeleteEventType, decideUpdateEventType } from "./decide-event-type.ts"
import { decideImportEventType } from "./decide-event-type-import.ts"
import { eventTypeIdOf, eventTypeOf } from "./event-type-definition.ts"
import { evolve } from "./evolve.ts"
import { PREDEFINED_EVENT_TYPES } from "./predefined-event-types.ts"

const applicationId = formatId("application", new Uint8Array(16))
const at = (nowMs = 0): ChangeContext => ({ changeId: "c", nowMs, actor: { id: "operator", requestId: "r" } })
type Fields = MessageInitShape<typeof EventTypeSchema>
const eventType = (fields: Fields) => create(EventTypeSchema, fields)
const making = (fields: Fields) => (table: ConfigTable) =>
  decideCreateEventType(table, { applicationId, eventType: eventType(fields) }, at())
const deleting =
  (name: string, etag = "") =>
  (table: ConfigTable) =>
    decideDeleteEventType(table, { applicationId, name, etag }, at())
const updating = (name: string, fields: Fields, paths: readonly string[]) => (table: ConfigTable) =>
  decideUpdateEventType(table, { applicationId, name, eventType: eventType(fields), paths }, at(9000))

type Decision = (table: ConfigTable) => ConfigChanged | Refusal | undefined
function given(...decisions: Decision[]): ConfigTable {
  const table = new ConfigTable()
  evolve(table, decideCreateApplication({ id: applicationId, application: create(ApplicationSchema, { name: "shop" }) }, at()), 0)
  for (const decide of decisions) {
    const change = decide(table)
    if (change === undefined || isRefusal(change)) throw new Error(`not decided: ${JSON.stringify(change)}`)
    expect(evolve(table, change, 0)).toHaveLength(1)
  }
  return table
}
function shown(table: ConfigTable, name: string): EventType | undefined {
  const entity = table.eventType(eventTypeIdOf(applicationId, name))
  return entity && eventTypeOf(entity)
}

test("an event type is what was last said of it, its versions in order, and what the server sets is the server's", () => {
  const versions = [{ version: 7 }, { version: 2, schema: { const: 1 } }]
  const made = making({ name: "a.b", description: "d", versions, applicationId: "other", predefined: true, etag: "9" })
  expect(shown(given(made), "a.b")).toMatchObject({
    applicationId,
    description: "d",
    versions: [{ version: 2, schema: { const: 1 } }, { version: 7 }],
    predefined: false,
    etag: "1",
  })
  const table = given(made, updating("a.b", { name: "c", description: "e", deprecated: true }, ["name", "deprecated"]))
  expect(shown(table, "a.b")).toMatchObject({
    description: "d",
    deprecated: true,
    etag: "2",
    updatedAt: { seconds: 9n },
    createdAt: { seconds: 0n },
  })
  expect(making({ name: "a.b" })(table)).toMatchObject({ code: "already_exists" })
  expect(updating("a.b", { etag: "1" }, [])(table)).toMatchObject({ code: "aborted" })
  expect(deleting("a.b", "1")(table)).toMatchObject({ code: "aborted" })
  expect(updating("c", {}, [])(table)).toMatchObject({ code: "not_found" })
  expect(deleting("c")(table)).toMatchObject({ code: "not_found" })
  expect(shown(given(made, deleting("a.b", "1"), making({ name: "a.b" })), "a.b")).toMatchObject({ description: "", etag: "1" })
})

test.each(PREDEFINED_EVENT_TYPES)("the predefined %s can be defined, and goes back to its plain form", (name) => {
  expect(deleting(name)(given())).toMatchObject({ code: "failed_precondition" })
  expect(updating(name, { etag: "1", description: "x" }, [])(given())).toMatchObject({ code: "aborted" })
  for (const define of [making({ name }), updating(name, { description: "mine" }, ["description"])]) {
    expect(shown(given(define), name)).toMatchObject({ name, predefined: true, etag: "1" })
    expect(shown(given(define, deleting(name)), name)).toBeUndefined()
  }
})

test("event types are refused once they are too many, or too large", () => {
  const full = given(...Array.from({ length: limits.EVENT_TYPES_MAX }, (_, index) => making({ name: `t${index}` })))
  expect(making({ name: "one.more" })(full)).toMatchObject({ code: "resource_exhausted" })
  expect(updating("t0", { description: "x" }, ["description"])(full)).toHaveProperty("entityId")
  const large = (bytes: number) => [{ version: 1, schema: { const: "x".repeat(bytes) } }]
  expect(making({ name: "a", versions: large(limits.EVENT_TYPE_BYTES_MAX) })(given())).toMatchObject({ code: "invalid_argument" })
  const bytes = limits.EVENT_TYPE_BYTES_MAX - 1000
  const several = Array.from({ length: Math.floor(limits.EVENT_TYPES_BYTES_MAX / (bytes + 1000)) }, (_, index) =>
    making({ name: `t${index}`, versions: large(bytes) }),
  )
  expect(making({ name: "one.more", versions: large(bytes) })(given(...several))).toMatchObject({ code: "resource_exhausted" })
})

test("no version number is there twice", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }), (numbers) => {
      const decided = making({ name: "a", versions: numbers.map((version) => ({ version })) })(given())
      if (new Set(numbers).size < numbers.length) expect(decided).toMatchObject({ code: "invalid_argument" })
      else
        expect(
          shown(
            given(() => decided),
            "a",
          )?.versions.map(({ version }) => version),
        ).toEqual(numbers.toSorted((a, b) => a - b))
    }),
  )
})

test("importing says what the document says, once: again it changes nothing, and no schema that was there before is lost", () => {
  const webhook = fc.record({
    name: fc.constantFrom("a.b", "data.created"),
    description: fc.constantFrom("", "d"),
    deprecated: fc.boolean(),
    schema: fc.option(
      fc.constantFrom(1, 2).map((value) => ({ const: value })),
      { nil: undefined },
    ),
    example: fc.constantFrom(undefined, null, 1),
  })
  fc.assert(
    fc.property(fc.array(webhook, { minLength: 1, maxLength: 8 }), (webhooks) => {
      const table = given()
      for (const wanted of webhooks) {
        const before = shown(table, wanted.name)
        const decided = decideImportEventType(table, { applicationId, webhook: wanted }, at())
        if (isRefusal(decided)) throw new Error(decided.message)
        expect(decided.result === "unchanged").toBe(decided.change === undefined)
        if (decided.change) expect(evolve(table, decided.change, 0)).toHaveLength(1)
        const after = shown(table, wanted.name)!
        expect(after).toMatchObject({ description: wanted.description, deprecated: wanted.deprecated })
        expect(after.versions.at(-1)?.version ?? 0).toBe(decided.version)
        if (wanted.schema) expect(after.versions.at(-1)?.schema).toEqual(wanted.schema)
        for (const { version, schema } of before?.versions ?? [])
          if (schema) expect(after.versions.find((each) => each.version === version)?.schema).toEqual(schema)
        expect(decideImportEventType(table, { applicationId, webhook: wanted }, at())).toMatchObject({ result: "unchanged" })
      }
    }),
  )
})
