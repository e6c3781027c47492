import { startGateway } from "../posthorn.ts"
import { load, runJson } from "../processes.ts"
import type { Verdict } from "../figures.ts"
import { compareInRounds } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const EVENTS = 10_000
const CONNECTIONS = 64
const BYTES = 560
const BODY = JSON.stringify({ type: "bench.event", data: { text: "x".repeat(BYTES) } })

/** What is in `events` is matched and sent by a delivery service that starts when all is there; no projection. Counted from the first arrival to the last, so without the start. */
export async function deliver(): Promise<readonly Verdict[]> {
  const posthorn = await startGateway()
  const sink = await startSink()
  try {
    const target = await openTenant(posthorn, [{ url: `${sink.url}/`, eventTypes: ["*"] }])
    const ours = async (): Promise<number> => {
      await sink.forget()
      const sent = await load({ ...target, bodies: [BODY], connections: CONNECTIONS, requests: EVENTS, forMs: 60_000 })
      if (sent.wrong > 0 || sent.answers !== EVENTS)
        throw new Error(`${sent.answers} of ${EVENTS} were answered, ${sent.wrong} not with 202`)
      const delivery = await posthorn.startDelivery()
      try {
        const { count, firstMs, lastMs } = await sink.waitFor(EVENTS, 120_000)
        if (count > EVENTS) throw new Error(`${count} requests came of ${EVENTS} events`)
        return (EVENTS / (lastMs - firstMs)) * 1000
      } finally {
        await delivery.stop()
      }
    }
    const baseline = async (): Promise<number> =>
      EVENTS / (await runJson<{ seconds: number }>("bare-sender.ts", [`${sink.url}/`, `${EVENTS}`, `${BYTES}`])).seconds
    return await compareInRounds({
      name: "deliver",
      about: `${EVENTS} events of ${BODY.length} B from a filled topic to one endpoint, against an undici loop with HMAC to the same sink`,
      goal: { first: 0.45, aim: 0.65 },
      ours,
      baseline,
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
