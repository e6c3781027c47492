import { setTimeout as wait } from "node:timers/promises"
import { IN_FLIGHT, type Scenario, type World } from "./scenario.ts"

/** Within this time a pause holds everywhere. */
const HELD_WITHIN_MS = 5000
/** Longer than a delivery takes to use up the schedule of `redrive`. */
const CHOOSY_MS = 5000

/** What operators do while processes are killed. */
export const COMMAND_SCENARIOS: readonly Scenario[] = [
  {
    name: "pause-resume",
    about: "two of three subscriptions are paused, the only delivery process is killed, and they are resumed",
    everyMs: 2000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ api, endpoints, posthorn, subscriptions, broken }) {
      const paused = ["healthy", "slow"] as const
      for (const name of paused) await api.must("POST", `/v1/subscriptions/${subscriptions[name]}:pause`, {})
      await wait(HELD_WITHIN_MS)
      const before = endpoints.arrivals.length
      await posthorn.crash("delivery")
      const stray = endpoints.arrivals.slice(before).filter(({ endpoint }) => paused.some((name) => name === endpoint))
      if (stray.length > 0) broken.push(`${stray.length} arrivals at paused subscriptions`)
      for (const name of paused) await api.must("POST", `/v1/subscriptions/${subscriptions[name]}:resume`, {})
    },
  },
  {
    name: "redrive",
    about: "a quarter of all deliveries fail until they are dead; these are redriven while the delivery process and the gateway are killed",
    everyMs: 2000,
    delaysSeconds: [1],
    duplicatesPerFault: IN_FLIGHT,
    async fault(world) {
      const { endpoints, posthorn } = world
      endpoints.behave({ healthy: "choosy", flaky: "choosy", slow: "choosy" })
      await wait(CHOOSY_MS)
      endpoints.behave({})
      await redrive(world)
      await Promise.all([posthorn.crash("delivery"), posthorn.crash("gateway")])
    },
    tend: redrive,
  },
]

async function redrive({ api, applicationId }: World): Promise<void> {
  await api.must("POST", "/v1/dead-letters:redrive", { filter: { applicationId }, ratePerSecond: 1000 })
}
