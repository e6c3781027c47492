import { timestampMs } from "@bufbuild/protobuf/wkt"
import { StoreUnavailable, type KeyUse as Use } from "@posthorn/store"
import { expect, test, vi } from "vitest"
import { KeyUse } from "./key-use.ts"

function given({ away = 0 } = {}) {
  const written: Use[][] = []
  const failures: unknown[] = []
  let nowMs = 1000
  const store = {
    noteUses: async (uses: readonly Use[]) => {
      if (failures.length < away) throw new StoreUnavailable("away")
      written.push([...uses])
    },
  }
  const uses = new KeyUse({ store, nowMs: () => nowMs, failed: (cause) => void failures.push(cause), intervalMs: 60_000 })
  const shown = () => written.map((each) => each.map(({ keyId, usedAt }) => [keyId, timestampMs(usedAt)]))
  return { uses, shown, failures, at: (ms: number) => void (nowMs = ms) }
}

test("each key is written once an interval, with its last use", async () => {
  vi.useFakeTimers()
  try {
    const { uses, shown, at } = given()
    uses.used("a")
    at(2000)
    uses.used("a")
    uses.used("b")
    await vi.advanceTimersByTimeAsync(60_000)
    await vi.advanceTimersByTimeAsync(60_000)
    at(3000)
    uses.used("a")
    await uses.stop()
    expect(shown()).toEqual([
      [
        ["a", 2000],
        ["b", 2000],
      ],
      [["a", 3000]],
    ])
  } finally {
    vi.useRealTimers()
  }
})

test("while the store is away what is noted waits, and a later use counts", async () => {
  vi.useFakeTimers()
  try {
    const { uses, shown, failures, at } = given({ away: 2 })
    uses.used("a")
    uses.used("b")
    await vi.advanceTimersByTimeAsync(60_000)
    at(2000)
    uses.used("a")
    await vi.advanceTimersByTimeAsync(60_000)
    await vi.advanceTimersByTimeAsync(60_000)
    await uses.stop()
    expect(failures).toHaveLength(2)
    expect(shown()).toEqual([
      [
        ["a", 2000],
        ["b", 1000],
      ],
    ])
  } finally {
    vi.useRealTimers()
  }
})
