import fc from "fast-check"
import { expect, test } from "vitest"
import { RateMeter, type Rate } from "./rate-meter.ts"

const rate = (count: number, periodSeconds: number, burst = 0): Rate => ({ count, periodSeconds, burst })

test("a burst may come at once, then one at a time as the rate allows", () => {
  const meter = new RateMeter(10)
  const rates = [{ name: "a", rate: rate(2, 1, 3) }]
  expect([1, 2, 3, 4].map(() => meter.take(rates, 1000))).toEqual([true, true, true, false])
  expect(meter.quota(rates[0]!, 1000)).toEqual({ remaining: 0, moreInMs: 500 })
  expect(meter.take(rates, 1499)).toBe(false)
  expect([meter.take(rates, 1500), meter.take(rates, 1500)]).toEqual([true, false])
  expect(meter.quota(rates[0]!, 60_000)).toEqual({ remaining: 3, moreInMs: 0 })
})

test("of several rates none is counted when one is used up", () => {
  const meter = new RateMeter(10)
  const small = { name: "small", rate: rate(1, 10) }
  const large = { name: "large", rate: rate(5, 10) }
  expect([meter.take([small, large], 0), meter.take([small, large], 0)]).toEqual([true, false])
  expect(meter.quota(large, 0).remaining).toBe(4)
})

test("a rate that changes holds from then on, from what is used up at most", () => {
  const meter = new RateMeter(10)
  expect([meter.take([{ name: "a", rate: rate(1, 3600) }], 0), meter.take([{ name: "a", rate: rate(1, 3600) }], 0)]).toEqual([true, false])
  const wider = [{ name: "a", rate: rate(10, 1) }]
  expect([meter.take(wider, 0), meter.take(wider, 100), meter.take(wider, 100)]).toEqual([false, true, false])
})

test("names do not count against each other, and no more of them are kept than that", () => {
  const meter = new RateMeter(100)
  for (let at = 0; at < 5000; at++) expect(meter.take([{ name: `n${at}`, rate: rate(1, 1) }], at)).toBe(true)
  expect(meter.take([{ name: "n4999", rate: rate(1, 1) }], 4999)).toBe(false)
})

test("over any time there are never more than burst and what the rate refills, and whoever comes no faster is never refused", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 20 }), steps, (...drawn) => {
      const [count, periodSeconds, burst, waits] = drawn
      const meter = new RateMeter(10)
      const own = { name: "a", rate: rate(count, periodSeconds, burst) }
      const intervalMs = (periodSeconds * 1000) / count
      let [nowMs, taken] = [0, 0]
      for (const wait of waits) {
        nowMs += wait
        const { remaining, moreInMs } = meter.quota(own, nowMs)
        const allowed = meter.take([own], nowMs)
        expect(allowed).toBe(remaining > 0)
        expect(moreInMs).toBeLessThanOrEqual(intervalMs + 1e-6)
        if (allowed) taken++
        expect(taken).toBeLessThanOrEqual((burst || count) + nowMs / intervalMs + 1e-6)
      }
      expect(meter.take([own], nowMs + intervalMs)).toBe(true)
    }),
    { numRuns: 300 },
  )
})
