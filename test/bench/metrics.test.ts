import { answer, startReceiver } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { readMetrics } from "./metrics.ts"

const TEXT = `# HELP posthorn_lag Behind.
# TYPE posthorn_lag gauge
posthorn_lag{group="router",topic="events"} 5
posthorn_lag{group="delivery",topic="deliveries"} 7
posthorn_lag{group="delivery",topic="deliveries.bulk"} 1e3
# TYPE posthorn_lag_total counter
posthorn_lag_total 100
# TYPE posthorn_unused counter
`

test("sums the samples that carry the labels, of that name alone; a metric without samples is zero, one that is not there an error", async () => {
  await using receiver = await startReceiver({ behaviour: answer(200, { body: TEXT }) })
  const metrics = await readMetrics(receiver.url)
  expect(metrics.sum("posthorn_lag")).toBe(1012)
  expect(metrics.sum("posthorn_lag", { topic: "deliveries" })).toBe(7)
  expect(metrics.sum("posthorn_lag", { group: "delivery" })).toBe(1007)
  expect(metrics.sum("posthorn_unused")).toBe(0)
  expect(() => metrics.sum("posthorn_gone")).toThrow("posthorn_gone")
})
