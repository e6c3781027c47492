import { load, runJson, startPosthorn } from "../processes.ts"
import { compareInRounds } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const EVENTS = 10_000
const CONNECTIONS = 64
const BYTES = 560
const BODY = JSON.stringify({ type: "bench.event", data: { text: "x".repeat(BYTES) } })

/** From publish until the last request arrived, projection on, one event a call, one subscription; against a loop that signs and sends to the same sink. */
export async function endToEnd(): Promise<void> {
  const posthorn = await startPosthorn()
  const sink = await startSink()
  try {
    const target = await openTenant(posthorn, [{ url: `${sink.url}/`, eventTypes: ["*"] }])
    const plan = { ...target, bodies: [BODY], connections: CONNECTIONS, requests: EVENTS, forMs: 60_000 }
    const ours = async (): Promise<number> => {
      await sink.forget()
      const sent = await load(plan)
      if (sent.wrong > 0) throw new Error(`${sent.wrong} answers were not 202`)
      const { lastMs } = await sink.waitFor(EVENTS, 120_000)
      return (EVENTS / (lastMs - sent.startedAtMs)) * 1000
    }
    const baseline = async (): Promise<number> =>
      EVENTS / (await runJson<{ seconds: number }>("bare-sender.ts", [`${sink.url}/`, `${EVENTS}`, `${BYTES}`])).seconds
    await compareInRounds({
      name: "end-to-end",
      about: `publish until arrived, ${EVENTS} events of ${BODY.length} B, concurrency ${CONNECTIONS}, projection on, against an undici loop with HMAC to the same sink`,
      goal: { first: 0.2, aim: 0.3 },
      ours,
      baseline,
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
