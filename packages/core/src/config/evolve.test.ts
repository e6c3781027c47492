import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { ApplicationSchema, ConfigChangedSchema, EventTypeSchema, SubscriptionSchema, type ConfigChanged } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import { isRefusal } from "../refusal.ts"
import { changed, type ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { applicationIdOf, type Entity } from "./entities.ts"
import { decideCreateApplication, decideDeleteApplication, decideUpdateApplication } from "./decide-application.ts"
import { decideCreateSubscription, decideDeleteSubscription, decideDisable, decideUpdateSubscription } from "./decide-subscription.ts"
import { decideCreateEventType, decideDeleteEventType } from "./decide-event-type.ts"
import { eventTypeIdOf } from "./event-type-definition.ts"
import { evolve } from "./evolve.ts"

const idOfNumber = (kind: "application" | "subscription", number: number) => formatId(kind, new Uint8Array(16).fill(number))
const APPLICATIONS = [1, 2].map((number) => idOfNumber("application", number))
const SUBSCRIPTIONS = [1, 2, 3].map((number) => idOfNumber("subscription", number))
const EVENT_TYPES = APPLICATIONS.map((id) => eventTypeIdOf(id, "a.b"))
const context = (changeId: string): ChangeContext => ({ changeId, nowMs: 1_700_000_000_000, actor: { id: "operator", requestId: "r" } })

type Command = (table: ConfigTable, changeId: string) => ConfigChanged | undefined
const asRecord = (decided: ReturnType<typeof decideUpdateApplication> | undefined) =>
  decided === undefined || isRefusal(decided) ? undefined : decided

const application = fc.constantFrom(...APPLICATIONS)
const subscription = fc.constantFrom(...SUBSCRIPTIONS)
const wanted = (url: string) =>
  ({ subscription: create(SubscriptionSchema, { url }), secrets: [], sourceSecret: undefined, judgeUrl: () => undefined }) as const

/** Every decision that there is, on few entities, so that they meet. */
const command: fc.Arbitrary<Command> = fc.oneof(
  application.map(
    (id): Command =>
      (_table, change) =>
        decideCreateApplication({ id, application: create(ApplicationSchema, { name: change }) }, context(change)),
  ),
  application.map(
    (applicationId): Command =>
      (table, change) =>
        asRecord(
          decideUpdateApplication(
            table,
            { applicationId, application: create(ApplicationSchema, { name: change }), paths: ["name"] },
            context(change),
          ),
        ),
  ),
  application.map(
    (applicationId): Command =>
      (table, change) =>
        asRecord(decideDeleteApplication(table, { applicationId, etag: "" }, context(change))),
  ),
  fc.tuple(subscription, application).map(
    ([id, applicationId]): Command =>
      (table, change) =>
        asRecord(decideCreateSubscription(table, { id, applicationId, ...wanted(`https://${change}.com/`) }, context(change))),
  ),
  subscription.map(
    (subscriptionId): Command =>
      (table, change) =>
        asRecord(decideUpdateSubscription(table, { subscriptionId, paths: ["url"], ...wanted(`https://${change}.com/`) }, context(change))),
  ),
  subscription.map(
    (subscriptionId): Command =>
      (table, change) =>
        decideDisable(table, { subscriptionId, reason: change }, context(change)),
  ),
  application.map(
    (applicationId): Command =>
      (table, change) =>
        asRecord(
          decideCreateEventType(
            table,
            { applicationId, eventType: create(EventTypeSchema, { name: "a.b", description: change }) },
            context(change),
          ),
        ),
  ),
  application.map(
    (applicationId): Command =>
      (table, change) =>
        asRecord(decideDeleteEventType(table, { applicationId, name: "a.b", etag: "" }, context(change))),
  ),
  subscription.map(
    (subscriptionId): Command =>
      (table, change) =>
        asRecord(decideDeleteSubscription(table, { subscriptionId, etag: "" }, context(change))),
  ),
)

/** Two gateways write, each deciding by a table that is behind by up to a few records. */
const race = fc.array(fc.record({ writer: fc.constantFrom(0, 1), behind: fc.nat(3), command }), { minLength: 20, maxLength: 80 })

function recordsOf(steps: readonly { writer: number; behind: number; command: Command }[]): ConfigChanged[] {
  const log: ConfigChanged[] = []
  const writers = [0, 1].map(() => ({ table: new ConfigTable(), read: 0 }))
  steps.forEach((step, index) => {
    const writer = writers[step.writer]!
    for (; writer.read < log.length - step.behind; writer.read++) evolve(writer.table, log[writer.read]!, writer.read)
    const record = step.command(writer.table, `change${index}`)
    // As read by others: through bytes.
    if (record) log.push(fromBinary(ConfigChangedSchema, toBinary(ConfigChangedSchema, record)))
  })
  return log
}

const snapshot = (table: ConfigTable): Record<string, Entity | undefined> =>
  Object.fromEntries([...APPLICATIONS, ...SUBSCRIPTIONS, ...EVENT_TYPES].map((id) => [id, table.entity(id)]))

test("two readers of one log agree after every record, whatever raced when it was written", () => {
  fc.assert(
    fc.property(race, (steps) => {
      const [one, other] = [new ConfigTable(), new ConfigTable()]
      for (const record of recordsOf(steps)) {
        const effects = [evolve(one, record, 0), evolve(other, record, 0)]
        expect(effects[0]).toEqual(effects[1])
        expect(snapshot(one)).toEqual(snapshot(other))
      }
    }),
  )
})

test("of the changes of one version of an entity just the first takes effect, and versions have no gap", () => {
  fc.assert(
    fc.property(race, (steps) => {
      const table = new ConfigTable()
      for (const record of recordsOf(steps)) {
        const before = table.version(record.entityId)
        const changes = evolve(table, record, 0)
        if (BigInt(before) !== record.expectedVersion) expect(changes).toEqual([])
        const after = table.version(record.entityId)
        if (changes.length === 0) expect(after).toBe(before)
        else expect(after).toBe(record.state.case === "deleted" ? 0 : before + 1)
      }
    }),
  )
})

test("nothing outlives its application, and every application knows just its own", () => {
  fc.assert(
    fc.property(race, (steps) => {
      const table = new ConfigTable()
      for (const record of recordsOf(steps)) {
        const changes = evolve(table, record, 0)
        for (const { before, after } of changes) if (before && after) expect(applicationIdOf(after)).toBe(applicationIdOf(before))
        const owned = APPLICATIONS.flatMap((id) => [...table.subscriptionsOf(id)].map((each) => `${id} ${each}`))
        const there = SUBSCRIPTIONS.flatMap((id) => table.subscription(id) ?? []).map(
          (each) => `${each.subscription.applicationId} ${each.subscription.id}`,
        )
        expect(owned.toSorted()).toEqual(there.toSorted())
        for (const each of there) expect(table.application(each.split(" ")[0]!)).toBeDefined()
        expect(APPLICATIONS.flatMap((id) => [...table.eventTypesOf(id)])).toEqual(EVENT_TYPES.filter((id) => table.eventType(id)))
        expect([...table.applications()]).toEqual(APPLICATIONS.filter((id) => table.application(id)))
      }
    }),
  )
})

test("a record whose entity is not what its id says is passed over", () => {
  const table = new ConfigTable()
  const real = decideCreateApplication({ id: APPLICATIONS[0]!, application: create(ApplicationSchema, { name: "a" }) }, context("1"))
  expect(evolve(table, changed({ entityId: APPLICATIONS[1]!, version: 0, state: real.state }, context("2")), 0)).toEqual([])
  expect(evolve(table, create(ConfigChangedSchema, {}), 0)).toEqual([])
  expect(evolve(table, real, 0)).toHaveLength(1)
})
