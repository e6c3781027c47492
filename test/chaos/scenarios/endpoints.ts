import { setTimeout as wait } from "node:timers/promises"
import { IN_FLIGHT, type Scenario } from "./scenario.ts"

const AWAY_MS = 4000

/** What happens to the endpoints. */
export const ENDPOINT_SCENARIOS: readonly Scenario[] = [
  {
    name: "endpoint-flapping",
    about: "all endpoints cut every connection for 4 s at a time",
    everyMs: 4000,
    duplicatesPerFault: 0,
    async fault({ endpoints }) {
      endpoints.behave({ healthy: "cut", flaky: "cut", slow: "cut" })
      await wait(AWAY_MS)
      endpoints.behave({})
    },
  },
  {
    name: "endpoint-hanging",
    about: "two of three endpoints never answer for some seconds, and the only delivery process is killed meanwhile",
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    timeoutMs: 2000,
    async fault({ endpoints, posthorn }) {
      endpoints.behave({ flaky: "hang", slow: "hang" })
      await wait(AWAY_MS / 2)
      await posthorn.crash("delivery")
      endpoints.behave({})
    },
  },
]
