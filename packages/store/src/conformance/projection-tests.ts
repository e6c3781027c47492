import { eventTypeIdOf, type ProjectedRecord } from "@posthorn/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { batchOf, projectRecords } from "./project-records.ts"
import {
  applicationChange,
  applicationOf,
  CANARY,
  controlOf,
  deletion,
  eventOf,
  eventTypeChange,
  keyChange,
  messagesOf,
  recordsOf,
  refusalOf,
  subscriptionChange,
  subscriptionOf,
  taskChange,
  type Message,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

const sampleEvent = fc.record({
  number: fc.integer({ min: 1, max: 500 }),
  application: fc.constantFrom(1 as const, 2 as const),
  subscription: fc.integer({ min: 1, max: 4 }),
  statuses: fc.array(fc.constantFrom(0, 200, 410, 503), { maxLength: 4 }),
  end: fc.constantFrom("none" as const, "dead" as const, "cancelled" as const),
  fate: fc.shuffledSubarray(["retried" as const, "redriven" as const, "discarded" as const]),
  text: fc.string({ unit: "binary", maxLength: 5 }),
  retentionHours: fc.constantFrom(0, 24, 8760),
})

const config = fc.constantFrom<Message[]>(
  ...[0, 1, 2].flatMap((version) => [
    [applicationChange(1, version)],
    [applicationChange(2, version)],
    [subscriptionChange({ subscription: 1, application: 1 }, version)],
    [subscriptionChange({ subscription: 2, application: 2 }, version)],
    [keyChange({ key: 1, application: 1 }, version)],
    [taskChange({ task: 1, application: 1 }, version)],
    [eventTypeChange({ name: "order.created", application: 1 }, version)],
    [eventTypeChange({ name: "order.created", application: 2 }, version)],
    [deletion(eventTypeIdOf(applicationOf(1), "order.created"), version)],
    [deletion(applicationOf(1), version)],
    [deletion(subscriptionOf(2), version)],
  ]),
)

/** A log, and an order in which its partitions are read, cut into batches. */
const scenario = fc.record({
  events: fc.uniqueArray(sampleEvent, { minLength: 1, maxLength: 12, selector: ({ number }) => number }),
  changes: fc.array(config, { maxLength: 12 }),
  /** Records that were appended again later, as after an append whose outcome was unknown. */
  copies: fc.array(fc.nat({ max: 1000 }), { maxLength: 12 }),
  readings: fc.tuple(fc.infiniteStream(fc.nat({ max: 1000 })), fc.infiniteStream(fc.nat({ max: 1000 }))),
})

/** Takes records partition by partition in an order that the numbers choose, in batches of sizes that they choose. */
function readingOf(records: readonly ProjectedRecord[], numbers: Iterator<number>): ProjectedRecord[][] {
  const partitions = [...Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`).values()].map((queue) => [...queue])
  const batches: ProjectedRecord[][] = []
  const next = (bound: number): number => numbers.next().value % bound
  for (;;) {
    const batch: ProjectedRecord[] = []
    for (let size = 1 + next(15); size > 0; size--) {
      const left = partitions.filter((queue) => queue.length > 0)
      const record = left[next(Math.max(1, left.length))]?.shift()
      if (record) batch.push(record)
    }
    if (batch.length === 0) return batches
    batches.push(batch)
  }
}

export function projectionTests(fixture: () => StoreFixture): void {
  describe("projection", () => {
    test(
      "tables depend on the log alone: not on the order between partitions, where it is cut, what it repeats, or how often it is read",
      { timeout: 120_000 },
      async () => {
        const under = await fixture().openEmpty()
        await fc.assert(
          fc.asyncProperty(scenario, async ({ events, changes, copies, readings }) => {
            const asked = events.flatMap((event) =>
              event.number % 3 === 0 ? [controlOf(event, event.number % 2 === 0 ? "cancel" : "run")] : [],
            )
            const refused = events.map(({ number, application }) => refusalOf(number, number % 2 === 0 ? application : 0))
            const messages = [...events.flatMap(messagesOf), ...asked, ...refused]
            const records = recordsOf([...changes.flat(), ...messages])
            const repeating = recordsOf([
              ...changes.flat(),
              ...messages,
              ...copies.flatMap((copy) => messages[copy % messages.length] ?? []),
            ])
            const dumps: Readonly<Record<string, unknown>>[] = []
            for (const [index, numbers] of readings.entries()) {
              await under.forget("positions")
              await under.forget("rows")
              for (const batch of readingOf(index === 0 ? records : repeating, numbers))
                expect(await projectRecords(under.store, batch)).toBe("done")
              dumps.push(await under.dump())
            }
            // How an endpoint does is what the newest record says, and here that may be a copy.
            expect({ ...dumps[1], subscription_health: [] }).toEqual({ ...dumps[0], subscription_health: [] })
            // Read once more over what is there, as after a rebuild that began too early; config is decided by versions and stays out of this.
            await under.forget("positions")
            for (const batch of readingOf(
              repeating.filter(({ topic }) => topic !== "config"),
              readings[0],
            ))
              await projectRecords(under.store, batch)
            expect(await under.dump()).toEqual(dumps[1])
          }),
          { numRuns: 10, endOnFailure: true },
        )
        await under.close()
      },
    )

    test("a batch is written once: repeating it, or leaving something out before it, is stale and writes nothing", async () => {
      const under = await fixture().openEmpty()
      const samples = [1, 2, 3].map((number): SampleEvent => ({ number, application: 1, subscription: 1, statuses: [200], end: "none" }))
      const records = recordsOf(samples.flatMap(messagesOf)).filter(({ topic }) => topic === "attempts")
      const first = await batchOf(under.store, records.slice(0, 2))
      expect(await under.store.project(first)).toBe("done")
      const before = await under.dump()
      expect(await under.store.project(first)).toBe("stale")
      const last = records.slice(4)
      const batch = await batchOf(under.store, last)
      const gap = { ...batch, ranges: batch.ranges.map((range) => ({ ...range, first: last[0]!.offset })) }
      expect(await under.store.project(gap)).toBe("stale")
      expect(await under.dump()).toEqual(before)
      await under.close()
    })

    test(
      "of two projectors that race for the same records exactly one writes, also when their batches overlap in part",
      { timeout: 60_000 },
      async () => {
        const under = await fixture().openEmpty()
        const other = under.another()
        for (let round = 0; round < 15; round++) {
          await under.forget("positions")
          const sample: SampleEvent = { number: round + 1, application: 1, subscription: 1, statuses: [503, 200], end: "none" }
          const records = recordsOf(messagesOf(sample))
          const [mine, theirs] = [
            await batchOf(under.store, records),
            await batchOf(other, records.filter(({ topic }) => topic === "attempts").slice(0, 2)),
          ]
          const answers = await Promise.all([under.store.project(mine), other.project({ ...theirs, ranges: theirs.ranges.toReversed() })])
          expect(answers.toSorted()).toEqual(["done", "stale"])
        }
        await other.close()
        await under.close()
      },
    )

    test(
      "a dead letter and what became of it meet, also when two projectors take them in at the same time",
      { timeout: 60_000 },
      async () => {
        const under = await fixture().openEmpty()
        const other = under.another()
        for (let number = 1; number <= 30; number++) {
          const sample: SampleEvent = { number, application: 1, subscription: 1, statuses: [503], end: "dead", fate: ["retried"] }
          const records = recordsOf(messagesOf(sample)).map((record) => ({ ...record, offset: 10 * number + record.offset }))
          const [letters, rest] = [
            records.filter(({ topic }) => topic === "dead-letters"),
            records.filter(({ topic }) => topic === "attempts"),
          ]
          const batches = [await batchOf(under.store, letters), await batchOf(other, rest)] as const
          expect(await Promise.all([under.store.project(batches[0]), other.project(batches[1])])).toEqual(["done", "done"])
        }
        const { dead_letters: letters = [] } = await under.dump()
        expect([letters.length, letters.filter((row) => row.includes(",redriven,")).length]).toEqual([30, 30])
        await other.close()
        await under.close()
      },
    )

    test("a partition starts where the log begins and keeps its position, whatever it is asked with later", async () => {
      const under = await fixture().openEmpty()
      const partitions = [
        { topic: "events", partition: 1 },
        { topic: "attempts", partition: 0 },
      ]
      expect(await under.store.positions(partitions.map((name, index) => ({ ...name, low: index * 10 + 7 })))).toEqual([7, 17])
      expect(await under.store.positions(partitions.toReversed().map((name) => ({ ...name, low: 0 })))).toEqual([17, 7])
      await under.close()
    })

    test("a change that lost its race changes no row, and an application takes what it owns with it", async () => {
      const under = await fixture().openEmpty()
      const [create, race, lost] = [applicationChange(1, 0), applicationChange(1, 1), applicationChange(1, 1)]
      const owned = [
        subscriptionChange({ subscription: 1, application: 1 }, 0),
        keyChange({ key: 1, application: 1 }, 0),
        eventTypeChange({ name: "order.created", application: 1 }, 0),
      ]
      const records = recordsOf([
        create,
        race,
        lost,
        ...owned,
        deletion(applicationOf(1), 2),
        subscriptionChange({ subscription: 3, application: 1 }, 0),
      ])
      await projectRecords(under.store, records.slice(0, 1))
      await projectRecords(under.store, records.slice(1, 6))
      const before = await under.dump()
      expect(before["applications"]).toHaveLength(1)
      expect(before["applications"]?.[0]).toContain("version 2")
      const rowsOf = ({ subscriptions, api_keys: keys, event_types: types }: typeof before) => [subscriptions, keys, types].flat()
      expect([rowsOf(before).length, before["audit_log"]?.length]).toEqual([3, 5])
      await projectRecords(under.store, records.slice(6))
      const after = await under.dump()
      expect([after["applications"], rowsOf(after)]).toEqual([[], []])
      expect(after["audit_log"]).toHaveLength(6)
      await under.close()
    })

    test("event types have rows of their own by application and name, and a deleted one may be defined again", async () => {
      const under = await fixture().openEmpty()
      const [one, other] = [1, 2].map((application) => ({ name: "order.created", application }))
      const id = eventTypeIdOf(applicationOf(1), "order.created")
      const changes = [
        [applicationChange(1, 0), applicationChange(2, 0), eventTypeChange(one!, 0), eventTypeChange(other!, 0)],
        [eventTypeChange(one!, 1), eventTypeChange({ name: "order.paid", application: 1 }, 0)],
        [deletion(id, 2)],
        [eventTypeChange(one!, 0)],
      ]
      const records = recordsOf(changes.flat())
      const counts: unknown[] = []
      for (let [at, from] = [0, 0]; at < changes.length; from += changes[at++]!.length) {
        await projectRecords(under.store, records.slice(from, from + changes[at]!.length))
        counts.push((await under.dump())["event_types"]?.length)
      }
      expect(counts).toEqual([2, 3, 2, 3])
      expect((await under.dump())["event_types"]?.filter((row) => row.includes("order.created") && row.includes("version 1"))).toHaveLength(
        2,
      )
      expect(await under.store.knownEntities([id, applicationOf(1), "no/such"])).toEqual([
        { kind: "application", id: applicationOf(1), applicationId: applicationOf(1), version: 1 },
        { kind: "event type", id, applicationId: applicationOf(1), version: 1 },
      ])
      await under.close()
    })

    test("no secret reaches any table", async () => {
      const under = await fixture().openEmpty()
      const changes = [
        applicationChange(1, 0),
        subscriptionChange({ subscription: 1, application: 1 }, 0),
        keyChange({ key: 1, application: 1 }, 0),
      ]
      await projectRecords(under.store, recordsOf(changes))
      const rows = Object.values(await under.dump()).flat()
      expect(rows.length).toBeGreaterThan(3)
      expect(rows.filter((row) => row.includes(CANARY))).toEqual([])
      await under.close()
    })

    test("text that the database cannot hold does not stop the projection, and the payload stays byte for byte", async () => {
      const under = await fixture().openEmpty()
      const text = "a\0b\\u0000 \\\0 '\"{},\u{1F512}\u2028"
      const sample: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [503], end: "dead", text }
      expect(await projectRecords(under.store, recordsOf(messagesOf(sample)))).toBe("done")
      const shown = text.replaceAll("\0", "\ufffd")
      const event = await under.store.getEvent("every application", eventOf(1))
      expect(event?.metadata).toEqual({ [`name ${shown}`]: shown })
      expect(event?.schemaViolations).toMatchObject([{ field: `data/${shown}`, reason: `must not be ${shown}` }])
      const payload = await under.store.getPayload("every application", eventOf(1))
      expect(JSON.parse(Buffer.from(payload!.data).toString())).toEqual({ number: 1, text })
      await under.close()
    })
  })
}
