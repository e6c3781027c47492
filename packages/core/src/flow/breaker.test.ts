import fc from "fast-check"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { Breaker } from "./breaker.ts"

const fails = (startedAtMs: number, endedAtMs = startedAtMs) => ({ succeeded: false, startedAtMs, endedAtMs })
const succeeds = (startedAtMs: number) => ({ succeeded: true, startedAtMs, endedAtMs: startedAtMs })

function opened(): { breaker: Breaker; atMs: number } {
  const breaker = new Breaker(0)
  for (let count = 1; count < limits.BREAKER_FAILURES; count++) breaker.saw(fails(0))
  expect(breaker.saw(fails(limits.BREAKER_SPAN_MS))).toBe("opened")
  return { breaker, atMs: limits.BREAKER_SPAN_MS }
}

test("it opens after many failures in a row over some time, and not for many at once or few for long", () => {
  const breaker = new Breaker(0)
  for (let count = 0; count < 1000; count++) expect(breaker.saw(fails(0, limits.BREAKER_SPAN_MS - 1))).toBeUndefined()
  breaker.saw(succeeds(1))
  for (let count = 1; count < limits.BREAKER_FAILURES; count++) expect(breaker.saw(fails(count * limits.BREAKER_SPAN_MS))).toBeUndefined()
  opened()
})

test("a probe that fails waits twice as long for the next, up to a bound; what was under way before is no probe", () => {
  const { breaker, atMs } = opened()
  breaker.saw(fails(atMs, atMs + 1))
  expect(breaker.standing.nextProbeAtMs).toBe(atMs + limits.BREAKER_PROBE_MS)
  const waits: number[] = []
  for (let count = 0; count < 6; count++) {
    const probeAtMs = breaker.standing.nextProbeAtMs
    breaker.saw(fails(probeAtMs, probeAtMs + 10))
    waits.push(breaker.standing.nextProbeAtMs - probeAtMs - 10)
  }
  expect(waits).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
  expect(breaker.saw(succeeds(breaker.standing.nextProbeAtMs))).toBe("closed")
  expect(breaker.idle).toBe(true)
})

test("a new owner goes on where the one before left off", () => {
  const { breaker } = opened()
  const taken = Breaker.opened(breaker.standing)
  expect(taken.standing).toEqual(breaker.standing)
  expect(taken.saw(succeeds(taken.standing.nextProbeAtMs))).toBe("closed")
})

test("it tells every opening and closing once and in turn, and is open only with its failures", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ succeeded: fc.boolean(), afterMs: fc.nat(5000), tookMs: fc.nat(20_000) })), (attempts) => {
      const breaker = new Breaker(0)
      let [nowMs, open] = [0, false]
      for (const { succeeded, afterMs, tookMs } of attempts) {
        nowMs += afterMs
        const moved = breaker.saw({ succeeded: succeeded && tookMs < 3000, startedAtMs: nowMs - tookMs, endedAtMs: nowMs })
        if (moved) expect(moved).toBe(open ? "closed" : "opened")
        if (moved) open = !open
        expect(breaker.standing.state).toBe(open ? "open" : "closed")
        if (open) expect(breaker.standing.failures).toBeGreaterThanOrEqual(limits.BREAKER_FAILURES)
      }
    }),
  )
})
