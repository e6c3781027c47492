import { load, startPosthorn } from "../processes.ts"
import { measureInRounds, quantile } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const FAILED = 2000
const DELAY_SECONDS = 5
const DUE_AT_ONCE = 10_000
/** How far ahead events are scheduled: publishing them has to be over by then. */
const AHEAD_MS = 15_000
const CONNECTIONS = 64
/** Half a millisecond for rounding times to whole ones. */
const EARLY_MS = -0.5
const text = "x".repeat(560)

/** How late second attempts are, and how long it takes to send what is due at one instant. Both go through the retry tiers. */
export async function retry(): Promise<void> {
  const posthorn = await startPosthorn()
  const sink = await startSink()
  try {
    const target = await openTenant(posthorn, [
      { url: `${sink.url}/fail-first`, eventTypes: ["bench.fails"], retryPolicy: { delaysSeconds: [DELAY_SECONDS] } },
      { url: `${sink.url}/`, eventTypes: ["bench.scheduled"] },
    ])
    const publish = async (event: object, requests: number): Promise<void> => {
      await sink.forget()
      const sent = await load({ ...target, bodies: [JSON.stringify(event)], connections: CONNECTIONS, requests, forMs: 60_000 })
      if (sent.wrong > 0) throw new Error(`${sent.wrong} answers were not 202`)
    }
    await measureInRounds({
      name: "retry",
      about:
        `second attempts of ${FAILED} deliveries that failed once, ${DELAY_SECONDS} s after the answer as the endpoint sees both; ` +
        `and ${DUE_AT_ONCE} events scheduled for one instant, until the last arrived; one endpoint`,
      goals: { p99Ms: { first: 300, aim: 100 }, early: { first: 0, aim: 0 }, drainSeconds: { first: 3, aim: 1.5 } },
      measure: async () => {
        await publish({ type: "bench.fails", data: { text } }, FAILED)
        const { waits } = await sink.waitFor(FAILED * 2, 60_000)
        const lateMs = waits.map((waited) => waited - DELAY_SECONDS * 1000)
        const dueAtMs = Date.now() + AHEAD_MS
        await publish({ type: "bench.scheduled", data: { text }, deliverAt: new Date(dueAtMs).toISOString() }, DUE_AT_ONCE)
        if (Date.now() >= dueAtMs) throw new Error(`publishing ${DUE_AT_ONCE} events took longer than ${AHEAD_MS} ms`)
        const { firstMs, lastMs } = await sink.waitFor(DUE_AT_ONCE, 120_000)
        const early = lateMs.filter((late) => late < EARLY_MS).length + (firstMs < dueAtMs ? 1 : 0)
        return { p50Ms: quantile(lateMs, 0.5), p99Ms: quantile(lateMs, 0.99), early, drainSeconds: (lastMs - dueAtMs) / 1000 }
      },
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
