import { cpus, totalmem } from "node:os"

/** One lane of the benchmarks: the same amount of work, done by us and by the baseline. */
export interface Lane {
  readonly name: string
  /** What is compared with what. */
  readonly about: string
  readonly goal: { readonly first: number; readonly aim: number }
  /** Each answers events per second. */
  readonly ours: () => Promise<number>
  readonly baseline: () => Promise<number>
  /** More to print at the end. */
  readonly notes?: () => Record<string, unknown>
}

const ROUNDS = Number(process.env["POSTHORN_BENCH_ROUNDS"] ?? 5)

/** A warm-up of both, then ours and the baseline in turn, so that a machine whose speed drifts moves both. Prints medians, spread, ratio, and JSON. */
export async function runLane(lane: Lane): Promise<void> {
  console.log(
    `${lane.name}: ${lane.about}\nmachine: ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  )
  await lane.ours()
  await lane.baseline()
  const ours: number[] = []
  const baseline: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    ours.push(await lane.ours())
    baseline.push(await lane.baseline())
    console.log(`round ${round}: ours ${ours.at(-1)?.toFixed(0)}/s, baseline ${baseline.at(-1)?.toFixed(0)}/s`)
  }
  const ratios = ours.map((value, index) => value / (baseline[index] ?? Number.NaN))
  const result = {
    lane: lane.name,
    ours: spread(ours),
    baseline: spread(baseline),
    ratio: spread(ratios),
    goal: lane.goal,
    rounds: ROUNDS,
    ...lane.notes?.(),
  }
  console.log(
    `ours ${show(result.ours, 0)}/s, baseline ${show(result.baseline, 0)}/s, ratio ${show(result.ratio, 3)}; goal ${lane.goal.first}, aim ${lane.goal.aim}`,
  )
  console.log(JSON.stringify(result))
}

interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { min: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 }
}

const show = ({ min, median, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
