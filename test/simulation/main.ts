/** `pnpm simulate [--seed N] [--seeds COUNT]`: runs the delivery engine under seeds, and says which of them broke a promise. */
import { parseArgs } from "node:util"
import { simulate } from "./simulation.ts"

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" }, seeds: { type: "string", default: "1" } } })
const [first, count] = [Number(values.seed), Number(values.seeds)]
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1) {
  console.error("usage: pnpm simulate [--seed N] [--seeds COUNT]")
  process.exit(2)
}

const totals = { events: 0, attempts: 0, repeated: 0, faults: 0, virtualMs: 0 }
const failed: number[] = []
const started = process.hrtime.bigint()
for (let seed = first; seed < first + count; seed++) {
  const result = await simulate(seed)
  for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += result[name]
  if (count === 1) console.log(result)
  if (result.violations.length === 0) continue
  failed.push(seed)
  console.error(`seed ${seed} (again: pnpm simulate --seed ${seed})\n  ${result.violations.join("\n  ")}`)
}
const seconds = Number(process.hrtime.bigint() - started) / 1e9
console.log(
  `${count} seeds in ${seconds.toFixed(1)} s: ${totals.events} events, ${totals.attempts} attempts (${totals.repeated} made again), ` +
    `${totals.faults} faults, ${(totals.virtualMs / 3_600_000).toFixed(1)} virtual hours; ${failed.length} seeds failed`,
)
process.exit(failed.length > 0 ? 1 : 0)
