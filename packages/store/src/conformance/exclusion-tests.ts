import { describe, expect, test } from "vitest"
import { StoreUnavailable } from "../status-store.ts"
import type { StoreFixture } from "./store-fixture.ts"

const NEVER = new AbortController().signal

export function exclusionTests(fixture: () => StoreFixture): void {
  describe("mutual exclusion", () => {
    test(
      "of all who want a name one has it at a time, within a process and between two; another name is free",
      { timeout: 60_000 },
      async () => {
        const under = await fixture().openEmpty()
        const other = under.another()
        let holders = 0
        let turns = 0
        const wants = async (store: typeof other): Promise<void> => {
          const work = async () => {
            expect(++holders).toBe(1)
            turns++
            expect(await store.exclusively("another name", async () => "free", NEVER)).toBe("free")
            holders--
            return true
          }
          while ((await store.exclusively("name", work, NEVER)) === undefined);
        }
        await Promise.all([under.store, other, under.store].map(wants))
        expect(turns).toBe(3)
        await other.close()
        await under.close()
      },
    )

    test("what the work throws is thrown, and frees the name", async () => {
      const under = await fixture().openEmpty()
      const fails = () => under.store.exclusively("name", () => Promise.reject(new Error("the work's own")), NEVER)
      await expect(fails()).rejects.toThrow("the work's own")
      await expect(fails()).rejects.toThrow("the work's own")
      await under.close()
    })

    test("the work is told to stop when the caller says so, and when the hold is lost", { timeout: 120_000 }, async () => {
      const under = await fixture().openEmpty()
      const stopped = (signal: AbortSignal) =>
        new Promise<string>((resolve) => {
          if (signal.aborted) resolve("stopped")
          signal.addEventListener("abort", () => resolve("stopped"))
        })
      const stop = new AbortController()
      const told = under.store.exclusively("name", stopped, stop.signal)
      stop.abort()
      expect(await told).toBe("stopped")
      const { promise: held, resolve: hold } = Promise.withResolvers<void>()
      const lost = under.store.exclusively(
        "name",
        (signal) => {
          hold()
          return stopped(signal)
        },
        NEVER,
      )
      await held
      const restore = await fixture().interrupt()
      expect(await lost).toBe("stopped")
      await expect(under.store.exclusively("name", async () => true, NEVER)).rejects.toThrow(StoreUnavailable)
      await restore()
      expect(await under.store.exclusively("name", async () => true, NEVER)).toBe(true)
      await under.close()
    })
  })
}
