import { describe, expect, test } from "vitest"
import { projectRecords } from "./project-records.ts"
import { deliveryOf, messagesOf, NOON_MS, recordsOf, type SampleEvent } from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

const DAY_MS = 24 * 3600 * 1000
const sampleOf = (number: number, fields: Partial<SampleEvent>): SampleEvent => ({
  number,
  application: 1,
  subscription: 1,
  statuses: [200],
  end: "none",
  ...fields,
})

export function retentionTests(fixture: () => StoreFixture): void {
  describe("retention", () => {
    test("a day goes when it ended long enough ago, unless a delivery in it is on its way", { timeout: 60_000 }, async () => {
      const under = await fixture().openEmpty()
      const done = sampleOf(1, {})
      const waiting = sampleOf(2, { statuses: [503], createdAtMs: NOON_MS + DAY_MS })
      const young = sampleOf(3, { createdAtMs: NOON_MS + 3 * DAY_MS })
      await projectRecords(under.store, recordsOf([done, waiting, young].flatMap(messagesOf)))
      const retain = (nowMs: number) => under.store.retain({ nowMs, retentionHours: 48 })
      expect(await retain(NOON_MS + 2.5 * DAY_MS - 1)).toMatchObject({ dropped: [], kept: [] })
      expect(await retain(NOON_MS + 4 * DAY_MS)).toMatchObject({ dropped: ["20310506"], kept: ["20310507"] })
      const shown = await Promise.all(
        [done, waiting, young].map((sample) => under.store.getDelivery("every application", deliveryOf(sample))),
      )
      expect(shown.map((delivery) => delivery?.attempts.length)).toEqual([undefined, 1, 1])
      const { events, deliveries, attempts } = (await under.dump()) as Record<string, string[]>
      expect([events?.length, deliveries?.length, attempts?.length]).toEqual([2, 2, 2])
      await under.close()
    })

    test("a record of a day that another process has let go is taken in all the same", { timeout: 60_000 }, async () => {
      const under = await fixture().openEmpty()
      const other = under.another()
      const records = recordsOf([sampleOf(1, {}), sampleOf(2, {})].flatMap(messagesOf))
      const events = records.filter(({ topic }) => topic === "events")
      await projectRecords(under.store, events.slice(0, 1))
      expect((await other.retain({ nowMs: NOON_MS + 9 * DAY_MS, retentionHours: 1 })).dropped).toEqual(["20310506"])
      expect(await projectRecords(under.store, events.slice(1))).toBe("done")
      expect((await under.dump())["events"]).toHaveLength(1)
      await other.close()
      await under.close()
    })

    test("dead letters stay as long as the log has them", async () => {
      const under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(messagesOf(sampleOf(1, { statuses: [410], end: "dead", fate: ["discarded"] }))))
      expect(await under.store.retain({ nowMs: NOON_MS + 29 * DAY_MS, retentionHours: 72 })).toMatchObject({
        deadLetters: 0,
        dropped: ["20310506"],
      })
      expect(await under.store.retain({ nowMs: NOON_MS + 31 * DAY_MS, retentionHours: 72 })).toMatchObject({ deadLetters: 1 })
      const { dead_letters: letters, dead_letter_settlements: settlements, subscription_health: health } = await under.dump()
      expect([letters, settlements, health]).toEqual([[], [], []])
      await under.close()
    })
  })
}
