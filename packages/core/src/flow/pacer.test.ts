import fc from "fast-check"
import { expect, test } from "vitest"
import { TASK_BATCH_MAX } from "../limits.ts"
import { Pacer } from "./pacer.ts"

test("no stretch of time sees more than the rate allows and one batch, whatever stalls there are", () => {
  const step = fc.record({ count: fc.integer({ min: 1, max: TASK_BATCH_MAX }), stallMs: fc.nat({ max: 5000 }) })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(step, { minLength: 1, maxLength: 40 }), (perSecond, steps) => {
      const pacer = new Pacer(perSecond)
      const gone: { readonly atMs: number; readonly count: number }[] = []
      let nowMs = 0
      for (const { count, stallMs } of steps) {
        nowMs += pacer.reserve(Math.min(count, pacer.batch), nowMs)
        gone.push({ atMs: nowMs, count: Math.min(count, pacer.batch) })
        nowMs += stallMs
      }
      for (const [index, { atMs: fromMs }] of gone.entries()) {
        let sum = 0
        for (const { atMs, count } of gone.slice(index)) {
          expect(sum).toBeLessThanOrEqual(((atMs - fromMs) * perSecond) / 1000 + 1e-6)
          sum += count
        }
      }
    }),
  )
})

test("who does not stall is as fast as the rate", () => {
  const pacer = new Pacer(100)
  let nowMs = 0
  for (let sent = 0; sent < 1000; sent += pacer.batch) nowMs += pacer.reserve(pacer.batch, nowMs)
  expect(nowMs).toBeCloseTo(10_000 - (pacer.batch * 1000) / 100)
})
