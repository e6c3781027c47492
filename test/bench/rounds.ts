import { cpus, loadavg, totalmem } from "node:os"
import { judge, show, showGoal, spread, type Goal, type Spread, type Verdict } from "./figures.ts"

interface Described {
  readonly name: string
  /** What is measured, or compared with what. */
  readonly about: string
  /** Rounds that are counted, unless `POSTHORN_BENCH_ROUNDS` says how many; default 5. */
  readonly rounds?: number
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

/** A warm-up of both, then ours and the baseline in turn, so that a machine whose speed drifts moves both. Prints medians, spread, ratio, and JSON. */
export async function compareInRounds(lane: RatioLane): Promise<readonly Verdict[]> {
  const rounds = introduce(lane)
  await lane.ours()
  await lane.baseline()
  const ours: number[] = []
  const baseline: number[] = []
  for (let round = 1; round <= rounds; round++) {
    ours.push(await lane.ours())
    baseline.push(await lane.baseline())
    console.log(`round ${round}: ours ${ours.at(-1)?.toFixed(0)}/s, baseline ${baseline.at(-1)?.toFixed(0)}/s`)
  }
  const ratios = ours.map((value, index) => value / (baseline[index] ?? Number.NaN))
  const result = { ours: spread(ours), baseline: spread(baseline), ratio: spread(ratios), goal: lane.goal }
  console.log(
    `ours ${show(result.ours, 0)}/s, baseline ${show(result.baseline, 0)}/s, ratio ${show(result.ratio, 3)}; ${showGoal(lane.goal)}`,
  )
  conclude(lane, rounds, result)
  return [judge(lane.name, "ratio", { value: result.ratio.median, goal: lane.goal })]
}

/** Prints the median and spread of every figure with its goal, and JSON. */
export async function measureInRounds(lane: FiguresLane): Promise<readonly Verdict[]> {
  const count = introduce(lane)
  await lane.warmUp?.()
  const rounds: Readonly<Record<string, number>>[] = []
  for (let round = 1; round <= count; round++) {
    const measured = await lane.measure()
    rounds.push(measured)
    const shown = Object.entries(measured).map(([name, value]) => `${name} ${value.toFixed(2)}`)
    console.log(`round ${round}: ${shown.join(", ")}`)
  }
  const figures: Record<string, Spread> = {}
  const verdicts: Verdict[] = []
  for (const name of Object.keys(rounds[0] ?? {})) {
    const over = (figures[name] = spread(rounds.map((round) => round[name] ?? Number.NaN)))
    const goal = lane.goals[name]
    if (goal !== undefined) verdicts.push(judge(lane.name, name, { value: over.median, goal }))
    console.log(`${name} ${show(over, 2)}${goal ? `; ${showGoal(goal)}` : ""}`)
  }
  conclude(lane, count, { figures, goals: Object.fromEntries(verdicts.map(({ figure, goal }) => [figure, goal])) })
  return verdicts
}

/** Says what is measured on what; answers how many rounds there will be. */
function introduce({ name, about, rounds = 5 }: Described): number {
  const processor = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`
  const [minute = 0] = loadavg()
  console.log(
    `${name}: ${about}\nmachine: ${processor}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load average before ${minute.toFixed(1)}`,
  )
  return Number(process.env["POSTHORN_BENCH_ROUNDS"] ?? rounds)
}

function conclude({ name, notes }: Described, rounds: number, result: object): void {
  const log = process.env["POSTHORN_KAFKA_BROKERS"] ? "kafka" : "postgres"
  console.log(JSON.stringify({ lane: name, ...result, rounds, log, ...notes?.() }))
}
