import fc from "fast-check"
import { expect, test } from "vitest"
import { ShareMeter } from "./share-meter.ts"

test("in any stretch of time a name keeps to its share and its burst, whatever others do", () => {
  const arrivals = fc.array(fc.record({ name: fc.constantFrom("a", "b"), afterMs: fc.nat(200) }), { maxLength: 300 })
  fc.assert(
    fc.property(arrivals, (list) => {
      const meter = new ShareMeter({ perSecond: 10, burst: 5 })
      let nowMs = 0
      const within: number[] = []
      for (const { name, afterMs } of list) {
        nowMs += afterMs
        const exceeds = meter.exceeds(name, nowMs)
        if (name === "a" && !exceeds) within.push(nowMs)
      }
      for (const [index, fromMs] of within.entries())
        for (const [count, toMs] of within.slice(index).entries())
          expect(count + 1).toBeLessThanOrEqual(5 + Math.floor((toMs - fromMs) / 100) + 1)
    }),
  )
})

test("what stays within its share never exceeds it", () => {
  const meter = new ShareMeter({ perSecond: 10, burst: 5 })
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) expect(meter.exceeds("a", nowMs)).toBe(false)
})
