import { expect, test } from "vitest"
import { judge, quantile, showVerdicts, spread } from "./figures.ts"

test("a goal says by its aim whether more or less is better; reaching it exactly is enough", () => {
  const met = (value: number, first: number, aim: number): boolean => judge("lane", "figure", { value, goal: { first, aim } }).met
  expect([met(0.39, 0.4, 0.6), met(0.4, 0.4, 0.6), met(0.7, 0.4, 0.6)]).toEqual([false, true, true])
  expect([met(251, 250, 100), met(250, 250, 100), met(10, 250, 100)]).toEqual([false, true, true])
  expect([met(1, 0, 0), met(0, 0, 0)]).toEqual([false, true])
})

test("a quantile is one of the values, the greatest at the end", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([1, 51, 100, 100])
})

test("nothing measured, or no number, is an error and no figure", () => {
  expect(() => spread([])).toThrow()
  expect(() => spread([1, Number.NaN])).toThrow("1, NaN")
  expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 })
})

test("the table says of every figure whether its goal is met", () => {
  const table = showVerdicts([
    judge("latency", "p99Ms", { value: 12, goal: { first: 20, aim: 6 } }),
    judge("deliver", "ratio", { value: 0.3, goal: { first: 0.45, aim: 0.65 } }),
  ]).split("\n")
  expect(table[1]).toMatch(/^latency +p99Ms +12\.000 +goal ≤ 20, aim 6 +met *$/)
  expect(table[2]).toMatch(/^deliver +ratio +0\.300 +goal ≥ 0\.45, aim 0\.65 +NOT met$/)
})
