import { describe, expect, test } from "vitest"
import { StoreUnavailable } from "../status-store.ts"
import { batchOf, projectRecords } from "./project-records.ts"
import { deliveryOf, messagesOf, recordsOf, type SampleEvent } from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

export function outageTests(fixture: () => StoreFixture): void {
  describe("outage", () => {
    test(
      "while the database is away every call says so; afterwards the same store goes on with what was there",
      { timeout: 120_000 },
      async () => {
        const under = await fixture().openEmpty()
        const sample: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [503, 200], end: "none" }
        const records = recordsOf(messagesOf(sample))
        await projectRecords(under.store, records.slice(0, 2))
        const batch = await batchOf(under.store, records.slice(2))
        const restore = await fixture().interrupt()
        const claim = { applicationId: "app_1", key: "key", eventId: "evt_1", bodyHash: Buffer.from("body"), claimedAtMs: 1 }
        await expect(under.store.ping()).rejects.toThrow(StoreUnavailable)
        await expect(under.store.project(batch)).rejects.toThrow(StoreUnavailable)
        await expect(under.store.claim(claim)).rejects.toThrow(StoreUnavailable)
        await expect(under.store.getDelivery("every application", deliveryOf(sample))).rejects.toThrow(StoreUnavailable)
        const fresh = under.another()
        await expect(fresh.ping()).rejects.toThrow(StoreUnavailable)
        await restore()
        expect(await under.store.project(batch)).toBe("done")
        expect(await fresh.claim(claim)).toBe("new")
        expect(await fresh.getDelivery("every application", deliveryOf(sample))).toMatchObject({ attemptCount: 2, lastStatusCode: 200 })
        await fresh.close()
        await under.close()
      },
    )
  })
}
