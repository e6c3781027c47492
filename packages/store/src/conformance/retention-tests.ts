import { DeliveryState } from "@posthorn/proto"
import { describe, expect, test } from "vitest"
import type { StatusStore } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import { deliveryOf, eventOf, messagesOf, NOON_MS, recordsOf, type SampleEvent } from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const DAY_MS = 24 * 3600 * 1000
const sampleOf = (number: number, fields: Partial<SampleEvent>): SampleEvent => ({
  number,
  application: 1,
  subscription: 1,
  statuses: [200],
  end: "none",
  ...fields,
})
const NOTHING = { dropped: [], held: [], kept: [], locked: [] }

const shownBy = (store: StatusStore, samples: readonly SampleEvent[]) =>
  Promise.all(samples.map((sample) => store.getDelivery("every application", deliveryOf(sample))))

/** How many rows there are of what is kept by day. */
async function countsOf(under: StoreUnderTest): Promise<readonly unknown[]> {
  const { events, deliveries, attempts } = await under.dump()
  return [events?.length, deliveries?.length, attempts?.length]
}

export function retentionTests(fixture: () => StoreFixture): void {
  describe("retention", () => {
    test("a day goes when it ended long enough ago, unless a delivery in it is on its way", { timeout: 60_000 }, async () => {
      const under = await fixture().openEmpty()
      const done = sampleOf(1, {})
      const waiting = sampleOf(2, { statuses: [503], createdAtMs: NOON_MS + DAY_MS })
      const young = sampleOf(3, { createdAtMs: NOON_MS + 3 * DAY_MS })
      await projectRecords(under.store, recordsOf([done, waiting, young].flatMap(messagesOf)))
      const retain = (nowMs: number) => under.store.retain({ nowMs, retentionHours: 48 })
      expect(await retain(NOON_MS + 2.5 * DAY_MS - 1)).toMatchObject(NOTHING)
      expect(await retain(NOON_MS + 4 * DAY_MS)).toMatchObject({ ...NOTHING, dropped: ["20310506"], held: ["20310507"] })
      const shown = await shownBy(under.store, [done, waiting, young])
      expect(shown.map((delivery) => delivery?.attempts.length)).toEqual([undefined, 1, 1])
      expect(await countsOf(under)).toEqual([2, 2, 2])
      await under.close()
    })

    test(
      "one delivery on its way keeps itself, its event and its attempts, not its day; and goes when it has ended",
      { timeout: 60_000 },
      async () => {
        const under = await fixture().openEmpty()
        const done = Array.from({ length: 20 }, (_, index) => sampleOf(index + 1, { subscription: 1 + (index % 3) }))
        const waiting = sampleOf(100, { statuses: [503, 503, 200] })
        // Everything about it, but for how it ends.
        const [whole, end] = [messagesOf(waiting).slice(0, -1), messagesOf(waiting).slice(-1)]
        const records = recordsOf([...done.flatMap(messagesOf), ...whole, ...end])
        await projectRecords(under.store, records.slice(0, -1))
        const retain = (nowMs: number) => under.store.retain({ nowMs, retentionHours: 24 })
        expect(await retain(NOON_MS + 2 * DAY_MS)).toMatchObject({ ...NOTHING, held: ["20310506"] })
        expect(await countsOf(under)).toEqual([1, 1, 2])
        // There is nothing more to let go of.
        expect(await retain(NOON_MS + 2 * DAY_MS)).toMatchObject({ ...NOTHING, held: ["20310506"] })

        expect(await projectRecords(under.store, records.slice(-1))).toBe("done")
        const [shown] = await shownBy(under.store, [waiting])
        expect(shown).toMatchObject({ state: DeliveryState.DELIVERED, attemptCount: 3 })
        expect(shown?.attempts.map(({ number }) => number)).toEqual([1, 2, 3])
        expect(await under.store.getPayload("every application", eventOf(100))).toBeDefined()
        expect(await retain(NOON_MS + 2 * DAY_MS)).toMatchObject({ ...NOTHING, dropped: ["20310506"] })
        expect(await countsOf(under)).toEqual([0, 0, 0])
        expect(await retain(NOON_MS + 2 * DAY_MS)).toMatchObject(NOTHING)
        await under.close()
      },
    )

    test("a delivery that stands as on its way for months is let go", { timeout: 60_000 }, async () => {
      const under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(messagesOf(sampleOf(1, { statuses: [503] }))))
      const retain = (nowMs: number) => under.store.retain({ nowMs, retentionHours: 24 })
      expect(await retain(NOON_MS + 90 * DAY_MS)).toMatchObject({ ...NOTHING, held: ["20310506"] })
      expect(await retain(NOON_MS + 105 * DAY_MS)).toMatchObject({ ...NOTHING, dropped: ["20310506"] })
      expect(await countsOf(under)).toEqual([0, 0, 0])
      await under.close()
    })

    test("an application's events are kept as long as it wants, others as the installation says", { timeout: 60_000 }, async () => {
      const under = await fixture().openEmpty()
      const short = sampleOf(1, { retentionHours: 24 })
      const usual = sampleOf(2, { application: 2, subscription: 2 })
      const long = sampleOf(3, { retentionHours: 120, subscription: 3 })
      await projectRecords(under.store, recordsOf([short, usual, long].flatMap(messagesOf)))
      const shown = async () => (await shownBy(under.store, [short, usual, long])).map((delivery) => delivery?.retentionHours)
      expect(await shown()).toEqual([24, 0, 120])
      // The day ends twelve hours after noon.
      const after = (hours: number) => under.store.retain({ nowMs: NOON_MS + DAY_MS / 2 + hours * 3600_000, retentionHours: 72 })
      expect(await after(23)).toMatchObject(NOTHING)
      expect(await after(24)).toMatchObject({ ...NOTHING, dropped: ["20310506/24h"] })
      expect(await shown()).toEqual([undefined, 0, 120])
      expect(await after(72)).toMatchObject({ ...NOTHING, dropped: ["20310506"] })
      expect(await after(119)).toMatchObject(NOTHING)
      expect(await shown()).toEqual([undefined, undefined, 120])
      expect(await after(120)).toMatchObject({ ...NOTHING, dropped: ["20310506/120h"] })
      expect(await countsOf(under)).toEqual([0, 0, 0])
      await under.close()
    })

    test("nothing that is taken in while days are let go is lost", { timeout: 120_000 }, async () => {
      const under = await fixture().openEmpty()
      const other = under.another()
      const samples = Array.from({ length: 60 }, (_, index) =>
        sampleOf(index + 1, {
          subscription: 1 + (index % 4),
          statuses: index % 3 === 0 ? [200] : [503, 503, 503],
          retentionHours: index % 2 === 0 ? 0 : 24,
        }),
      )
      const records = recordsOf(samples.flatMap(messagesOf))
      const retain = () => other.retain({ nowMs: NOON_MS + 9 * DAY_MS, retentionHours: 24 })
      for (let at = 0; at < records.length; at += 7) {
        const [projected] = await Promise.all([projectRecords(under.store, records.slice(at, at + 7)), retain()])
        expect(projected).toBe("done")
      }
      for (const [index, shown] of (await shownBy(under.store, samples)).entries()) {
        if (index % 3 === 0) continue
        expect(shown).toMatchObject({ state: DeliveryState.RETRYING, attemptCount: 3 })
        expect(shown?.attempts.map(({ number }) => number)).toEqual([1, 2, 3])
      }
      await other.close()
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
