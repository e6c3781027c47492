import { startPosthorn } from "../posthorn.ts"
import { load } from "../processes.ts"
import { quantile, type Verdict } from "../figures.ts"
import { measureInRounds } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { assertSent, PACE, pacedBody } from "../paced.ts"
import { openTenant } from "../tenant.ts"

const FOR_MS = 20_000
const WARM_UP_MS = 10_000

/** From the moment an event is sent until its delivery has arrived, while nothing queues. */
export async function latency(): Promise<readonly Verdict[]> {
  const posthorn = await startPosthorn()
  const sink = await startSink()
  try {
    const target = await openTenant(posthorn, [{ url: `${sink.url}/timed`, eventTypes: ["*"] }])
    const plan = { ...target, bodies: [pacedBody("bench.event")], ...PACE }
    const measure = async (forMs: number) => {
      await sink.forget()
      const sent = await load({ ...plan, forMs })
      assertSent(sent)
      const {
        waits: { "/timed": waits = [] },
      } = await sink.waitFor(sent.answers, 30_000)
      if (waits.length !== sent.answers) throw new Error(`${waits.length} requests came of ${sent.answers} events`)
      return { p50Ms: quantile(waits, 0.5), p99Ms: quantile(waits, 0.99), maxMs: quantile(waits, 1), acceptedP50Ms: sent.p50Ms }
    }
    return await measureInRounds({
      name: "latency",
      about: `publish until arrived, one endpoint, open loop of ${PACE.perSecond}/s for ${FOR_MS / 1000} s, projection on`,
      goals: { p50Ms: { first: 5, aim: 2.4 }, p99Ms: { first: 20, aim: 6 } },
      warmUp: () => measure(WARM_UP_MS),
      measure: () => measure(FOR_MS),
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
