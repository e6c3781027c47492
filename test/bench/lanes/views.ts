import { cpus, loadavg } from "node:os"
import { judge, quantile, type Verdict } from "../figures.ts"
import { startLoad } from "../processes.ts"
import { assertSent } from "../paced.ts"
import { operatorTarget } from "../tenant.ts"
import { startInstallation } from "../views/installation.ts"
import type { Volume } from "../views/population.ts"
import { questionsOf, type Question } from "../views/questions.ts"
import type { RunningPosthorn } from "../posthorn.ts"

const GOAL = { first: 200, aim: 100 }
/** Asked in turn, not one after the other: what disturbs the machine for a second disturbs few answers of each. */
const ROUNDS = 12
const WARM_UP_ROUNDS = 2
/** Events that are published meanwhile, through the whole of Posthorn. */
const WRITES_PER_SECOND = 50
/** `day`: all attempts are of the last 24 h, so that the day that is still written to has them. `small`: a hundredth of everything, to try it out. */
export const VIEWS_VARIANTS = ["day", "small"] as const

/** How long lists, statistics and the stories of events take at volume, through REST, one question at a time, while events are published. */
export async function views(variants: readonly string[]): Promise<readonly Verdict[]> {
  const scale = variants.includes("small") ? 0.01 : 1
  const factHours = variants.includes("day") ? 24 : 15 * 24
  const volume: Volume = { deliveries: 2_000_000 * scale, attempts: 10_000_000 * scale, untilMs: Date.now(), statusHours: 72, factHours }
  console.log(
    `views: ${volume.deliveries} deliveries of 72 h and ${volume.attempts} attempts of ${factHours} h, ${WRITES_PER_SECOND} events/s meanwhile; ` +
      `${cpus().length} cores, load average before ${loadavg()[0]?.toFixed(1)}`,
  )
  const installation = await startInstallation(volume)
  const { posthorn, population, writer } = installation
  const writing = startLoad({
    ...operatorTarget(posthorn),
    bodies: [JSON.stringify({ applicationId: writer, type: "bench.live", data: { text: "x".repeat(500) } })],
    connections: 64,
    perSecond: WRITES_PER_SECOND,
    forMs: 3_600_000,
  })
  try {
    const answers = await askInTurn(posthorn, await questionsOf(posthorn, population, volume.untilMs))
    const slowest = answers.toSorted((a, b) => b.p95 - a.p95)
    for (const { name, p50, p95 } of slowest)
      console.log(`p95 ${p95.toFixed(0).padStart(6)} ms  p50 ${p50.toFixed(0).padStart(6)} ms  ${name}`)
    const statistics = slowest.filter(({ path }) => /\/stats|\/analytics\//.test(path))
    const others = slowest.filter((each) => !statistics.includes(each))
    const worst = { listsP95Ms: others[0]?.p95 ?? Number.NaN, statisticsP95Ms: statistics[0]?.p95 ?? Number.NaN }
    console.log(JSON.stringify({ lane: "views", ...worst, scale, factHours, questions: slowest.length }))
    return Object.entries(worst).map(([figure, value]) => judge("views", figure, { value, goal: GOAL }))
  } finally {
    writing.end()
    assertSent(await writing.result)
    await installation.stop()
  }
}

interface Answered extends Question {
  readonly p50: number
  readonly p95: number
}

async function askInTurn(posthorn: RunningPosthorn, questions: readonly Question[]): Promise<readonly Answered[]> {
  const took = questions.map((): number[] => [])
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++)
    for (const [index, { path }] of questions.entries()) {
      const begin = performance.now()
      await posthorn.call("GET", path)
      if (round >= WARM_UP_ROUNDS) took[index]?.push(performance.now() - begin)
    }
  return questions.map((question, index) => {
    const times = took[index] ?? []
    return { ...question, p50: quantile(times, 0.5), p95: quantile(times, 0.95) }
  })
}
