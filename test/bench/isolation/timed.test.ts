import { expect, test } from "vitest"
import { timed } from "./timed.ts"

test("what has not arrived is among the slowest, so that losing it never makes a figure better", () => {
  const waits = Array.from({ length: 98 }, (_, index) => index + 1)
  expect(timed([...waits, 99, 100], 100, 5000)).toEqual({ p50Ms: 51, p99Ms: 100, maxMs: 100 })
  expect(timed(waits, 100, 5000)).toEqual({ p50Ms: 51, p99Ms: 5000, maxMs: 5000 })
  expect(timed([...waits, 9000], 100, 5000)).toEqual({ p50Ms: 51, p99Ms: 9000, maxMs: 9000 })
  expect(timed([], 1, 5000).p50Ms).toBe(5000)
})

test("more arrivals than events is no measurement", () => {
  expect(() => timed([1, 2], 1, 0)).toThrow("2 arrived of 1")
})
