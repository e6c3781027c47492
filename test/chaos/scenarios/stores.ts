import { setTimeout as wait } from "node:timers/promises"
import type { Scenario } from "./scenario.ts"

const OUTAGE_MS = 10_000
const ENGINE_LOOK_MS = 250

/** What happens to the stores of the views. */
export const STORE_SCENARIOS: readonly Scenario[] = [
  {
    name: "postgres-down",
    about: "Postgres is stopped, then killed, for 10 s at a time; every other event has no key and must be taken at once",
    everyMs: 6000,
    duplicatesPerFault: 0,
    halfWithoutKey: true,
    async fault({ posthorn: { postgres } }, nth) {
      await (nth % 2 === 0 ? postgres.stop() : postgres.crash())
      await wait(OUTAGE_MS)
      await postgres.start()
    },
  },
  {
    name: "clickhouse-down",
    about: "ClickHouse is killed whenever it comes back, for 10 s at a time",
    everyMs: 6000,
    duplicatesPerFault: 0,
    async fault({ posthorn }) {
      for (let passedMs = 0; passedMs < OUTAGE_MS; passedMs += ENGINE_LOOK_MS) {
        posthorn.clickhouse.crash()
        await wait(ENGINE_LOOK_MS)
      }
    },
  },
]
