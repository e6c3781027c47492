/** `pnpm simulate [--seed N] [--seeds COUNT] [--workers N]`: runs the delivery engine under seeds, and says which of them broke a promise. */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { runSeeds } from "./run-seeds.ts"

const PROGRESS_MS = 5000

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    workers: { type: "string", default: `${Math.min(2, availableParallelism())}` },
  },
})
const [first, count, workers] = [Number(values.seed), Number(values.seeds), Number(values.workers)]
if (!Number.isInteger(first) || ![count, workers].every((each) => Number.isInteger(each) && each >= 1)) {
  console.error("usage: pnpm simulate [--seed N] [--seeds COUNT] [--workers N]")
  process.exit(2)
}

const totals = { events: 0, attempts: 0, repeated: 0, faults: 0, virtualMs: 0 }
const failed: number[] = []
const startedMs = performance.now()
const secondsSince = (): number => (performance.now() - startedMs) / 1000
let done = 0
const progress = setInterval(() => {
  console.error(`${done} of ${count} seeds, ${failed.length} failed, ${(done / secondsSince()).toFixed(1)} seeds/s`)
}, PROGRESS_MS)

await runSeeds({
  first,
  count,
  workers,
  onResult: (seed, result) => {
    done++
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += result[name]
    if (count === 1) console.log(result)
    if (result.violations.length === 0) return
    failed.push(seed)
    console.error(`seed ${seed} (again: pnpm simulate --seed ${seed})\n  ${result.violations.join("\n  ")}`)
  },
})
clearInterval(progress)
console.log(
  `${count} seeds in ${secondsSince().toFixed(1)} s: ${totals.events} events, ${totals.attempts} attempts (${totals.repeated} made again), ` +
    `${totals.faults} faults, ${(totals.virtualMs / 3_600_000).toFixed(1)} virtual hours; ${failed.length} seeds failed`,
)
if (failed.length > 0) console.log(`failed: ${failed.toSorted((a, b) => a - b).join(" ")}`)
process.exitCode = failed.length > 0 ? 1 : 0
