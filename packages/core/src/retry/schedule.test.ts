import { create } from "@bufbuild/protobuf"
import { RetryPolicySchema } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { nextRetry } from "./schedule.ts"
import { tierDelayMs, tierFor, wakeAt } from "./tier.ts"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The times of all attempts when every one fails at once. */
function attempts(policy: Parameters<typeof nextRetry>[0]["policy"]): number[] {
  const times = [0]
  for (let now: number | undefined = 0; now !== undefined && times.length < 200;) {
    now = nextRetry({ policy, failures: times.length, firstAttemptAtMs: 0, nowMs: now })?.atMs
    if (now !== undefined) times.push(now)
  }
  return times
}

test("the default schedule is immediate, 1m, 5m, 15m, 1h, then 1h again until 72 h after the first attempt", () => {
  const times = attempts(undefined)
  expect(times.slice(0, 6)).toEqual([0, 1, 6, 21, 81, 141].map((minutes) => minutes * MINUTE_MS))
  expect(times.at(-1)).toBeLessThanOrEqual(72 * HOUR_MS)
  expect(times.at(-1)).toBeGreaterThan(71 * HOUR_MS)
})

test("an explicit list is followed to its end", () => {
  expect(attempts(create(RetryPolicySchema, { delaysSeconds: [1, 2, 0] }))).toEqual([0, 1000, 3000, 3000])
})

test("retry_count with retry_delay doubles, and 0 means never", () => {
  expect(attempts(create(RetryPolicySchema, { retryCount: 3, retryDelaySeconds: 5 }))).toEqual([0, 5000, 15_000, 35_000])
  expect(attempts(create(RetryPolicySchema, { retryCount: 0 }))).toEqual([0])
})

test("Retry-After puts a retry off, up to a day, and never brings it forward", () => {
  const at = (retryAfterMs: number) => nextRetry({ policy: undefined, failures: 1, firstAttemptAtMs: 0, nowMs: 0, retryAfterMs })
  expect(at(1000)).toEqual({ atMs: MINUTE_MS, asked: false })
  expect(at(2 * MINUTE_MS)).toEqual({ atMs: 2 * MINUTE_MS, asked: true })
  expect(at(48 * HOUR_MS)).toEqual({ atMs: 24 * HOUR_MS, asked: true })
})

test("where the log's clock is behind, a record goes round a tier no more than once a second", () => {
  expect(wakeAt("retry.1h", { appendedAtMs: -2 * HOUR_MS, dueAtMs: HOUR_MS, readAtMs: 0 })).toBe(1000)
})

test("what fails at once is tried again at slightly different times, never early", () => {
  const question = { policy: undefined, failures: 1, firstAttemptAtMs: 0, nowMs: 0 }
  const times = [0, 0.5, 0.999].map((spread) => nextRetry({ ...question, spread })?.atMs)
  expect(times).toEqual([60_000, 60_025, 60_049])
  expect(nextRetry({ ...question, spread: 1, retryAfterMs: 120_000 })?.atMs).toBe(120_000)
})

test("a record goes round the tiers until it is due: never late by the tiers, in few rounds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 30 * 24 * HOUR_MS }), fc.constantFrom(0, HOUR_MS), (dueAtMs, aheadMs) => {
      let now = 0
      let rounds = 0
      while (now < dueAtMs) {
        // The log's clock may be ahead.
        const next = wakeAt(tierFor(dueAtMs - now), { appendedAtMs: now + aheadMs, dueAtMs, readAtMs: now })
        expect(next).toBeGreaterThan(now)
        expect(next).toBeLessThanOrEqual(dueAtMs)
        now = next
        rounds++
      }
      expect(rounds).toBeLessThanOrEqual(dueAtMs / HOUR_MS + 25)
    }),
  )
})

test("a wait that is a tier's delay, a moment later, still belongs to that tier", () => {
  for (const tier of ["retry.1m", "retry.5m", "retry.15m", "retry.1h"] as const) expect(tierFor(tierDelayMs(tier) - 20)).toBe(tier)
})
