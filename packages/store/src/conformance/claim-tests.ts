import { limits } from "@posthorn/core"
import { describe, expect, test } from "vitest"
import type { Claim } from "../status-store.ts"
import { NOON_MS } from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

const claimOf = (fields: Partial<Claim>): Claim => ({
  applicationId: "app_1",
  key: "key",
  eventId: "evt_1",
  bodyHash: Buffer.from("body"),
  claimedAtMs: NOON_MS,
  retentionHours: 24,
  ...fields,
})

export function claimTests(fixture: () => StoreFixture): void {
  describe("idempotency claims", () => {
    test("of claims that race exactly one is new, within a process and between two", async () => {
      const under = await fixture().openEmpty()
      const other = under.another()
      for (let round = 0; round < 10; round++) {
        const racing = Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? under.store : other).claim(claimOf({ key: `race ${round} ${index % 4}`, eventId: `evt_${index}` })),
        )
        const answers = await Promise.all(racing)
        expect(answers.filter((answer) => answer === "new")).toHaveLength(4)
        for (const key of [0, 1, 2, 3]) {
          const winner = answers.findIndex((answer, index) => index % 4 === key && answer === "new")
          for (const [index, answer] of answers.entries())
            if (index % 4 === key && answer !== "new") expect(answer.eventId).toBe(`evt_${winner}`)
        }
      }
      await other.close()
      await under.close()
    })

    test("a claim is answered as it was made: another body shows, and acceptance is remembered", async () => {
      const under = await fixture().openEmpty()
      expect(await under.store.claim(claimOf({}))).toBe("new")
      expect(await under.store.claim(claimOf({ claimedAtMs: NOON_MS + 5, retentionHours: 48 }))).toEqual({
        eventId: "evt_1",
        sameBody: true,
        accepted: false,
        claimedAtMs: NOON_MS,
        retentionHours: 24,
      })
      await under.store.accepted("app_1", "key")
      expect(await under.store.claim(claimOf({ bodyHash: Buffer.from("other") }))).toEqual({
        eventId: "evt_1",
        sameBody: false,
        accepted: true,
        claimedAtMs: NOON_MS,
        retentionHours: 24,
      })
      expect(await under.store.claim(claimOf({ applicationId: "app_2" }))).toBe("new")
      await under.close()
    })

    test("a claim that came to nothing can be let go, and one that is accepted cannot", async () => {
      const under = await fixture().openEmpty()
      await under.store.claim(claimOf({}))
      await under.store.forget("app_2", "key")
      expect(await under.store.claim(claimOf({}))).toMatchObject({ accepted: false })
      await under.store.forget("app_1", "key")
      expect(await under.store.claim(claimOf({ eventId: "evt_2" }))).toBe("new")
      await under.store.accepted("app_1", "key")
      await under.store.forget("app_1", "key")
      expect(await under.store.claim(claimOf({}))).toMatchObject({ eventId: "evt_2", accepted: true })
      await under.close()
    })

    test("a key is new again after its window and not before", async () => {
      const under = await fixture().openEmpty()
      await under.store.claim(claimOf({}))
      await under.store.accepted("app_1", "key")
      expect(await under.store.claim(claimOf({ claimedAtMs: NOON_MS + limits.IDEMPOTENCY_WINDOW_MS - 1 }))).not.toBe("new")
      expect(await under.store.claim(claimOf({ claimedAtMs: NOON_MS + limits.IDEMPOTENCY_WINDOW_MS, eventId: "evt_2" }))).toBe("new")
      expect(await under.store.claim(claimOf({ claimedAtMs: NOON_MS + limits.IDEMPOTENCY_WINDOW_MS + 1 }))).toMatchObject({
        eventId: "evt_2",
        accepted: false,
      })
      await under.close()
    })

    test("claims are let go after their window, and no others", async () => {
      const under = await fixture().openEmpty()
      await Promise.all([0, 1, 2].map((index) => under.store.claim(claimOf({ key: `key ${index}`, claimedAtMs: NOON_MS + index }))))
      const { claims } = await under.store.retain({ nowMs: NOON_MS + limits.IDEMPOTENCY_WINDOW_MS + 1, retentionHours: 72 })
      expect(claims).toBe(1)
      expect(await under.store.claim(claimOf({ key: "key 1" }))).not.toBe("new")
      await under.close()
    })
  })
}
