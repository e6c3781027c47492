import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { DeliveryState } from "@posthorn/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { ReplayCount } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import { applicationOf, deliveryOf, eventOf, messagesOf, NOON_MS, recordsOf, subscriptionOf, type SampleEvent } from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const DAY_MS = 86_400_000
const TYPES = ["order.created", "order.paid", "invoice.made"] as const
/** Twenty-four events over three days to one of two subscriptions, every second of them delivered. */
const SAMPLES = Array.from({ length: 24 }, (_, index): SampleEvent => ({
  number: index + 1,
  application: index < 18 ? 1 : 2,
  subscription: 1 + (Math.floor(index / 2) % 2),
  type: TYPES[index % 3] ?? "",
  statuses: index % 2 === 0 ? [200] : [503],
  end: "dead",
  createdAtMs: NOON_MS + (index * DAY_MS) / 8,
}))
const madeOf = (sample: SampleEvent) => timestampFromMs(sample.createdAtMs ?? 0)

/** What replays ask of the views. */
export function replayTests(fixture: () => StoreFixture): void {
  describe("replays", () => {
    let under: StoreUnderTest
    const records = recordsOf(SAMPLES.flatMap(messagesOf))
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, records)
    }, 60_000)
    afterAll(() => under.close())

    test("events are known by their places, deliveries by how they stand; what is not there is left out", async () => {
      const events = [
        ...SAMPLES.map((sample) => ({ id: eventOf(sample.number), createdAt: madeOf(sample) })),
        { id: "evt_none", createdAt: timestampFromMs(NOON_MS) },
      ]
      const places = await under.store.placesOf(events)
      const expected = records.flatMap((record) =>
        record.topic === "events"
          ? [[record.message.eventId, { topic: "events", partition: record.partition, offset: record.offset }]]
          : [],
      )
      expect(Object.fromEntries(places)).toEqual(Object.fromEntries(expected))
      const standings = await under.store.standingsOf([
        ...SAMPLES.map((sample) => ({ id: deliveryOf(sample), createdAt: madeOf(sample) })),
        { id: "dlv_none", createdAt: timestampFromMs(NOON_MS) },
      ])
      const states = SAMPLES.map((sample): [string, DeliveryState] => [
        deliveryOf(sample),
        sample.statuses[0] === 200 ? DeliveryState.DELIVERED : DeliveryState.DEAD,
      ])
      expect(new Map([...standings].map(([id, { state }]) => [id, state]))).toEqual(new Map(states))
      expect([...standings.values()][0]).toMatchObject({ round: 1, attemptCount: 1 })
      expect([(await under.store.placesOf([])).size, (await under.store.standingsOf([])).size]).toEqual([0, 0])
    })

    test("an event is answered as it was accepted, to its application alone", async () => {
      const accepted = await under.store.getAccepted({ applicationId: applicationOf(1) }, eventOf(1))
      const record = records.find((each) => each.topic === "events" && each.message.eventId === eventOf(1))
      expect(accepted?.event).toEqual(record?.message)
      expect(accepted?.place).toEqual({ topic: "events", partition: record?.partition, offset: record?.offset })
      expect(await under.store.getAccepted({ applicationId: applicationOf(2) }, eventOf(1))).toBeUndefined()
    })

    const all: ReplayCount = {
      applicationId: applicationOf(1),
      types: [],
      since: timestampFromMs(NOON_MS),
      until: timestampFromMs(NOON_MS + 9 * DAY_MS),
    }
    const taker = (more: object = {}) => ({ id: subscriptionOf(2), eventTypes: ["*"], undelivered: false, ...more })
    const byType =
      (...types: string[]) =>
      (sample: SampleEvent) =>
        types.includes(sample.type ?? "")
    test.each<[string, Partial<ReplayCount>, (sample: SampleEvent) => boolean]>([
      ["all of an application", {}, () => true],
      [
        "of a span",
        { since: timestampFromMs(NOON_MS + DAY_MS), until: timestampFromMs(NOON_MS + 2 * DAY_MS) },
        ({ number }) => number > 8 && number <= 16,
      ],
      ["of a type and a pattern", { types: ["invoice.made", "order.*"] }, () => true],
      ["of a type", { types: ["order.paid"] }, byType("order.paid")],
      ["of a pattern", { types: ["order.*"] }, byType("order.created", "order.paid")],
      ["that a subscription takes", { subscription: taker({ eventTypes: ["order.*"] }) }, byType("order.created", "order.paid")],
      ["that it takes of a type", { types: ["order.*"], subscription: taker({ eventTypes: ["order.paid"] }) }, byType("order.paid")],
      [
        "that it takes and has not got",
        { subscription: taker({ undelivered: true }) },
        ({ subscription, statuses }) => subscription !== 2 || statuses[0] !== 200,
      ],
    ])("events are counted: %s", async (_, query, isCounted) => {
      const expected = SAMPLES.filter((sample) => sample.application === 1 && isCounted(sample)).length
      expect(await under.store.countReplay({ ...all, ...query })).toBe(expected)
    })
  })
}
