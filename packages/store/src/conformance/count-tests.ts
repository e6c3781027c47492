import { create } from "@bufbuild/protobuf"
import { DeliveryCountsSchema } from "@posthorn/proto"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { DeliveryCountQuery, Tenancy } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import {
  applicationChange,
  applicationOf,
  messagesOf,
  NOON_MS,
  recordsOf,
  subscriptionChange,
  subscriptionOf,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const HOUR_MS = 3_600_000
/** Twenty-four events over two days, with every state of a delivery among them. */
const SAMPLES = Array.from({ length: 24 }, (_, index): SampleEvent => {
  const ends = [
    { statuses: [200], end: "none" },
    { statuses: [503, 200], end: "none" },
    { statuses: [503], end: "none" },
    { statuses: [410], end: "dead" },
    { statuses: [], end: "none" },
    { statuses: [500], end: "cancelled" },
  ] as const
  const { statuses, end } = ends[index % ends.length]!
  return {
    number: index + 1,
    application: index % 4 === 0 ? 2 : 1,
    subscription: 1 + (index % 3),
    statuses,
    end,
    createdAtMs: NOON_MS + index * 2 * HOUR_MS,
  }
})
const stateOf = ({ statuses, end }: SampleEvent): "scheduled" | "retrying" | "delivered" | "dead" | "cancelled" => {
  if (end !== "none") return end
  return statuses.at(-1) === 200 ? "delivered" : statuses.length === 0 ? "scheduled" : "retrying"
}

export function countTests(fixture: () => StoreFixture): void {
  describe("counts", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(SAMPLES.flatMap(messagesOf)))
    }, 60_000)
    afterAll(() => under.close())

    const all = { sinceMs: NOON_MS, untilMs: NOON_MS + 48 * HOUR_MS }
    test.each<[string, Tenancy, DeliveryCountQuery, (sample: SampleEvent) => boolean]>([
      ["every application", "every application", all, () => true],
      ["one application", { applicationId: applicationOf(2) }, all, ({ application }) => application === 2],
      [
        "one subscription",
        { applicationId: applicationOf(1) },
        { ...all, subscriptionId: subscriptionOf(2) },
        ({ application, subscription }) => application === 1 && subscription === 2,
      ],
      [
        "from a time, included, to a time, not included",
        "every application",
        { sinceMs: NOON_MS + 4 * HOUR_MS, untilMs: NOON_MS + 26 * HOUR_MS },
        ({ createdAtMs = 0 }) => createdAtMs >= NOON_MS + 4 * HOUR_MS && createdAtMs < NOON_MS + 26 * HOUR_MS,
      ],
      ["a span in which there is nothing", "every application", { sinceMs: 1, untilMs: 2 }, () => false],
    ])("deliveries are counted by the state in which they are now: %s", async (_, tenancy, query, keep) => {
      const expected = { scheduled: 0, retrying: 0, delivered: 0, dead: 0, cancelled: 0 }
      for (const sample of SAMPLES.filter(keep)) expected[stateOf(sample)]++
      expect(await under.store.countDeliveries(tenancy, query)).toEqual(create(DeliveryCountsSchema, expected))
    })

    test(
      "in any span, however deliveries have changed and whoever wrote them, what is counted is what there is",
      { timeout: 60_000 },
      async () => {
        const anew = await fixture().openEmpty()
        const other = anew.another()
        const early = SAMPLES.map((sample): SampleEvent => ({ ...sample, statuses: sample.statuses.slice(0, 1), end: "none" }))
        await projectRecords(anew.store, recordsOf(early.flatMap(messagesOf)))
        // All of it once more, with what came later: records that change a row, and records that do not.
        await projectRecords(other, recordsOf([...early, ...SAMPLES].flatMap(messagesOf)))
        await fc.assert(
          fc.asyncProperty(fc.nat(50 * HOUR_MS), fc.nat(50 * HOUR_MS), async (a, b) => {
            const span = { sinceMs: NOON_MS - HOUR_MS + Math.min(a, b), untilMs: NOON_MS - HOUR_MS + Math.max(a, b) }
            const expected = { scheduled: 0, retrying: 0, delivered: 0, dead: 0, cancelled: 0 }
            for (const sample of SAMPLES)
              if ((sample.createdAtMs ?? 0) >= span.sinceMs && (sample.createdAtMs ?? 0) < span.untilMs) expected[stateOf(sample)]++
            expect(await anew.store.countDeliveries("every application", span)).toEqual(create(DeliveryCountsSchema, expected))
          }),
          { numRuns: 40 },
        )
        await anew.store.retain({ nowMs: NOON_MS + 30 * 24 * HOUR_MS, retentionHours: 1 })
        const left = SAMPLES.map(stateOf).filter((state) => state === "scheduled" || state === "retrying")
        const { scheduled, retrying, delivered, dead, cancelled } = await anew.store.countDeliveries("every application", all)
        expect([scheduled + retrying, delivered + dead + cancelled]).toEqual([left.length, 0])
        await other.close()
        await anew.close()
      },
    )

    test("subscriptions are counted by application", async () => {
      const subscriptions = [1, 2, 3].map((subscription) =>
        subscriptionChange({ subscription, application: subscription === 3 ? 2 : 1 }, 0),
      )
      await projectRecords(under.store, recordsOf([applicationChange(1, 0), applicationChange(2, 0), ...subscriptions]))
      const totals = async (tenancy: Tenancy) => (await under.store.countSubscriptions(tenancy)).total
      expect(await totals("every application")).toBe(3)
      expect(await totals({ applicationId: applicationOf(1) })).toBe(2)
      expect(await totals({ applicationId: applicationOf(3) })).toBe(0)
    })
  })
}
