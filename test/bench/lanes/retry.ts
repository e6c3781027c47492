import { quantile, type Verdict } from "../figures.ts"
import { startPosthorn } from "../posthorn.ts"
import { load } from "../processes.ts"
import { measureInRounds } from "../rounds.ts"
import { startSink, type Sink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const FAILED = 2000
/** Sooner than any tier but the shortest; and what the default schedule waits first, a tier's very delay. */
const SHORT_SECONDS = 5
const DEFAULT_SECONDS = 60
const DUE_AT_ONCE = 10_000
/** How far ahead events are scheduled: publishing them has to be over by then. */
const AHEAD_MS = 15_000
const CONNECTIONS = 64
/** Half a millisecond for rounding times to whole ones. */
const EARLY_MS = -0.5
const text = "x".repeat(560)

/** How late second attempts are, and how long it takes to send what is due at one instant. Both go through the retry tiers. */
export async function retry(): Promise<readonly Verdict[]> {
  const posthorn = await startPosthorn()
  const [short, byDefault] = [await startSink(), await startSink()]
  try {
    const target = await openTenant(posthorn, [
      { url: `${short.url}/fail-first`, eventTypes: ["bench.short"], retryPolicy: { delaysSeconds: [SHORT_SECONDS] } },
      { url: `${byDefault.url}/fail-first`, eventTypes: ["bench.default"] },
      { url: `${short.url}/`, eventTypes: ["bench.scheduled"] },
    ])
    const publish = async (sink: Sink, event: object, requests: number): Promise<void> => {
      await sink.forget()
      const sent = await load({ ...target, bodies: [JSON.stringify(event)], connections: CONNECTIONS, requests, forMs: 60_000 })
      if (sent.wrong > 0 || sent.answers !== requests) throw new Error(`${sent.wrong} of ${sent.answers} answers were not 202`)
    }
    const drained = async (): Promise<{ drainSeconds: number; early: number }> => {
      const dueAtMs = Date.now() + AHEAD_MS
      await publish(short, { type: "bench.scheduled", data: { text }, deliverAt: new Date(dueAtMs).toISOString() }, DUE_AT_ONCE)
      if (Date.now() >= dueAtMs) throw new Error(`publishing ${DUE_AT_ONCE} events took longer than ${AHEAD_MS} ms`)
      const { firstMs, lastMs } = await short.waitFor(DUE_AT_ONCE, 120_000)
      return { drainSeconds: (lastMs - dueAtMs) / 1000, early: firstMs < dueAtMs ? 1 : 0 }
    }
    return await measureInRounds({
      name: "retry",
      about:
        `second attempts of ${FAILED} deliveries that failed once, ${SHORT_SECONDS} s and, by the default schedule, ${DEFAULT_SECONDS} s after ` +
        `the answer as the endpoint sees both; and ${DUE_AT_ONCE} events scheduled for one instant, until the last arrived; one endpoint each`,
      goals: {
        shortP99Ms: { first: 300, aim: 100 },
        defaultP99Ms: { first: 300, aim: 100 },
        early: { first: 0, aim: 0 },
        drainSeconds: { first: 3, aim: 1.5 },
      },
      rounds: 2,
      measure: async () => {
        // The others are done with long before these are due.
        await publish(byDefault, { type: "bench.default", data: { text } }, FAILED)
        await publish(short, { type: "bench.short", data: { text } }, FAILED)
        const shortLateMs = await secondAttempts(short, SHORT_SECONDS)
        const { drainSeconds, early } = await drained()
        const defaultLateMs = await secondAttempts(byDefault, DEFAULT_SECONDS)
        return {
          shortP50Ms: quantile(shortLateMs, 0.5),
          shortP99Ms: quantile(shortLateMs, 0.99),
          defaultP50Ms: quantile(defaultLateMs, 0.5),
          defaultP99Ms: quantile(defaultLateMs, 0.99),
          early: [...shortLateMs, ...defaultLateMs].filter((late) => late < EARLY_MS).length + early,
          drainSeconds,
        }
      },
    })
  } finally {
    await posthorn.stop()
    await Promise.all([short.stop(), byDefault.stop()])
  }
}

/** How late every second attempt came, in milliseconds; there are as many as first ones. */
async function secondAttempts(sink: Sink, delaySeconds: number): Promise<number[]> {
  const { count, waits } = await sink.waitFor(FAILED * 2, (delaySeconds + 60) * 1000)
  const waited = waits["/fail-first"] ?? []
  if (count !== FAILED * 2 || waited.length !== FAILED)
    throw new Error(`${waited.length} second attempts came of ${FAILED}, in ${count} requests`)
  return waited.map((each) => each - delaySeconds * 1000)
}
