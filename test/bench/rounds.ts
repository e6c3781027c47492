import { cpus, loadavg, totalmem } from "node:os"

export interface Goal {
  readonly first: number
  readonly aim: number
}

interface Described {
  readonly name: string
  /** What is measured, or compared with what. */
  readonly about: string
  /** More to print at the end. */
  readonly notes?: () => Record<string, unknown>
}

/** A lane that does the same amount of work by us and by the baseline. */
export interface RatioLane extends Described {
  readonly goal: Goal
  /** Each answers events per second. */
  readonly ours: () => Promise<number>
  readonly baseline: () => Promise<number>
}

/** A lane whose figures have no baseline but their goal. */
export interface FiguresLane extends Described {
  readonly goals: Readonly<Record<string, Goal>>
  readonly warmUp?: () => Promise<unknown>
  /** Answers figures by name, the unit last in it. */
  readonly measure: () => Promise<Readonly<Record<string, number>>>
}

const ROUNDS = Number(process.env["POSTHORN_BENCH_ROUNDS"] ?? 5)

/** A warm-up of both, then ours and the baseline in turn, so that a machine whose speed drifts moves both. Prints medians, spread, ratio, and JSON. */
export async function compareInRounds(lane: RatioLane): Promise<void> {
  introduce(lane)
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
  const result = { ours: spread(ours), baseline: spread(baseline), ratio: spread(ratios), goal: lane.goal }
  console.log(
    `ours ${show(result.ours, 0)}/s, baseline ${show(result.baseline, 0)}/s, ratio ${show(result.ratio, 3)}; ${showGoal(lane.goal)}`,
  )
  conclude(lane, result)
}

/** Prints the median and spread of every figure with its goal, and JSON. */
export async function measureInRounds(lane: FiguresLane): Promise<void> {
  introduce(lane)
  await lane.warmUp?.()
  const rounds: Readonly<Record<string, number>>[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const figures = await lane.measure()
    rounds.push(figures)
    const shown = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(2)}`)
    console.log(`round ${round}: ${shown.join(", ")}`)
  }
  const figures: Record<string, Spread> = {}
  for (const name of Object.keys(rounds[0] ?? {})) {
    const over = (figures[name] = spread(rounds.map((round) => round[name] ?? Number.NaN)))
    const goal = lane.goals[name]
    console.log(`${name} ${show(over, 2)}${goal ? `; ${showGoal(goal)}` : ""}`)
  }
  conclude(lane, { figures, goals: lane.goals })
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function introduce({ name, about }: Described): void {
  const processor = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`
  const [minute = 0] = loadavg()
  console.log(
    `${name}: ${about}\nmachine: ${processor}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load average before ${minute.toFixed(1)}`,
  )
}

function conclude({ name, notes }: Described, result: object): void {
  const log = process.env["POSTHORN_KAFKA_BROKERS"] ? "kafka" : "postgres"
  console.log(JSON.stringify({ lane: name, ...result, rounds: ROUNDS, log, ...notes?.() }))
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

const showGoal = ({ first, aim }: Goal): string => `goal ${first}, aim ${aim}`
