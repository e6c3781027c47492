import { expect, test } from "vitest"
import { Metrics } from "./metrics.ts"

const OUTCOMES = ["delivered", "failed"] as const

test("counters, gauges and histograms appear with their labels", async () => {
  const metrics = new Metrics()
  metrics.counter({ name: "sample_total", help: "h", labels: { outcome: OUTCOMES } }).add(2, { outcome: "failed" })
  metrics.gauge({ name: "sample_depth", help: "h" }).set(7)
  metrics.histogram({ name: "sample_seconds", help: "h", buckets: [1, 2] }).observe(1.5)
  const text = await metrics.text()
  expect(text).toContain('sample_total{outcome="failed"} 2')
  expect(text).toContain("sample_depth 7")
  expect(text).toContain('sample_seconds_bucket{le="2"} 1')
})

test("a label value that was not named cannot make a series of its own", async () => {
  const metrics = new Metrics()
  const counter = metrics.counter({ name: "sample_total", help: "h", labels: { outcome: OUTCOMES } })
  for (let index = 0; index < 50; index++) counter.add(1, { outcome: `id-${index}` as "failed" })
  const series = (await metrics.text()).split("\n").filter((line) => line.startsWith("sample_total"))
  expect(series).toEqual(['sample_total{outcome="other"} 50'])
})

test("two parts of one process that name the same metric share it", async () => {
  const metrics = new Metrics()
  for (const amount of [1, 2]) metrics.counter({ name: "sample_total", help: "h" }).add(amount)
  expect(await metrics.text()).toContain("sample_total 3")
})
