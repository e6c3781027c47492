import { describe, expect, test } from "vitest"
import { clusterOf } from "../chaos/cluster.ts"
import { problemsOf } from "../chaos/report.ts"
import { runScenario } from "../chaos/run-scenario.ts"
import { SCENARIOS } from "../chaos/scenarios.ts"

const NAMES = ["delivery-kill", "rolling-restart"]
const brokers = process.env["POSTHORN_TEST_KAFKA_BROKERS"]

describe("no promise is broken by a fault, for a little while", () => {
  for (const scenario of SCENARIOS.filter(({ name }) => NAMES.includes(name))) {
    test(`${scenario.name}: ${scenario.about}`, { timeout: 180_000 }, async ({ skip }) => {
      if (brokers === undefined) return skip("there is no Kafka for the tests")
      const cluster = clusterOf({ brokers: [], addresses: brokers.split(","), wayAddresses: [], remove: async () => {} })
      const outcome = await runScenario(scenario, cluster, { seed: "test", events: 400, forMs: 8000, say: () => undefined })
      expect(problemsOf(outcome)).toEqual([])
    })
  }
})
