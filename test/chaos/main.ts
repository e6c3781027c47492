/** `pnpm chaos <scenario>…`: faults on the real thing, and a ledger of what became of every event. */
import { parseArgs } from "node:util"
import { type Cluster, startCluster } from "./cluster.ts"
import { killsOf, problemsOf, tableOf } from "./report.ts"
import { type Outcome, runScenario } from "./run-scenario.ts"
import { SCENARIOS } from "./scenarios.ts"

/** Of a run of all scenarios: fewer would mean that faults were not injected as they should be. */
const KILLS_MIN = 20

const USAGE = `usage: pnpm chaos <scenario>… | all [--events <count>] [--seconds <count>] [--seed <text>]
Starts three brokers, and for each scenario Postgres, ClickHouse and the services as processes; needs java, and mvn the first time.
Ends with 1 if anything was lost, early, not terminal, or doubled more often than was in flight; all, if under ${KILLS_MIN} processes were killed.

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}

  --events   how many are published, 1 to 10000 (2000)
  --seconds  how long that takes, and how long faults are injected, 5 to 600 (30)
  --seed     which attempts the flaky endpoint fails ("posthorn")
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean" },
    events: { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
    seed: { type: "string", default: "posthorn" },
  },
})
const [events, seconds] = [Number(values.events), Number(values.seconds)]
const all = positionals.includes("all")
const chosen = all ? SCENARIOS : SCENARIOS.filter(({ name }) => positionals.includes(name))
const unknown = positionals.filter((name) => name !== "all" && !SCENARIOS.some((scenario) => scenario.name === name))
const within = (value: number, from: number, to: number): boolean => Number.isInteger(value) && value >= from && value <= to
const usable = chosen.length > 0 && unknown.length === 0 && within(events, 1, 10_000) && within(seconds, 5, 600)
if (values.help || !usable) {
  ;(values.help ? process.stdout : process.stderr).write(USAGE)
  process.exit(values.help ? 0 : 2)
}

const outcomes: Outcome[] = []
let cluster: Cluster | undefined
for (const scenario of chosen) {
  const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${scenario.name}: ${line}\n`)
  try {
    cluster ??= await startCluster()
    const outcome = await runScenario(scenario, cluster, { seed: values.seed, events, forMs: seconds * 1000, say })
    outcomes.push(outcome)
    say(problemsOf(outcome).join("\n  ") || "every promise was kept")
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.stack : String(error)}`)
    process.exitCode = 1
    // Who knows what state it is in.
    await cluster?.remove()
    cluster = undefined
  }
}
await cluster?.remove()
process.stdout.write(`${tableOf(outcomes)}\n`)
if (outcomes.some((outcome) => problemsOf(outcome).length > 0) || (all && killsOf(outcomes) < KILLS_MIN)) process.exitCode = 1
