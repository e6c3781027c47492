/** `pnpm chaos <scenario>…`: faults on the real thing, and a ledger of what became of every event. */
import { parseArgs } from "node:util"
import { problemsOf, tableOf } from "./report.ts"
import { type Outcome, runScenario } from "./run-scenario.ts"
import { SCENARIOS } from "./scenarios.ts"

const USAGE = `usage: pnpm chaos <scenario>… | all [--events <count>] [--seed <text>]
Starts three brokers, Postgres, ClickHouse and the services as processes for each scenario; needs java, and mvn the first time.
Ends with 1 if anything was lost, early, not terminal, or doubled more often than was in flight.

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}

  --events  how many are published, 1 to 10000 (2000)
  --seed    which attempts the flaky endpoint fails ("posthorn")
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: "boolean" }, events: { type: "string", default: "2000" }, seed: { type: "string", default: "posthorn" } },
})
const events = Number(values.events)
const chosen = positionals.includes("all") ? SCENARIOS : SCENARIOS.filter(({ name }) => positionals.includes(name))
const unknown = positionals.filter((name) => name !== "all" && !SCENARIOS.some((scenario) => scenario.name === name))
const usable = chosen.length > 0 && unknown.length === 0 && Number.isInteger(events) && events >= 1 && events <= 10_000
if (values.help || !usable) {
  ;(values.help ? process.stdout : process.stderr).write(USAGE)
  process.exit(values.help ? 0 : 2)
}

const outcomes: Outcome[] = []
for (const scenario of chosen) {
  const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${scenario.name}: ${line}\n`)
  try {
    const outcome = await runScenario(scenario, { seed: values.seed, events, say })
    outcomes.push(outcome)
    say(problemsOf(outcome).join("\n  ") || "every promise was kept")
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.stack : String(error)}`)
    process.exitCode = 1
  }
}
process.stdout.write(`${tableOf(outcomes)}\n`)
if (outcomes.some((outcome) => problemsOf(outcome).length > 0)) process.exitCode = 1
