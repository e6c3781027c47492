import { load } from "./processes.ts"
import type { Sink } from "./start-sink.ts"
import type { Target } from "./tenant.ts"

const EVENTS = 10_000
const CONNECTIONS = 64
const BYTES = 560
const BODY = JSON.stringify({ type: "bench.event", data: { text: "x".repeat(BYTES) } })

/** What lanes that push as many events through as they can have in common. */
export const PUSH = { events: EVENTS, connections: CONNECTIONS, payloadBytes: BYTES, bodyBytes: BODY.length } as const

/** Publishes as fast as it is taken, one event a call, until every one has arrived, once; answers how long that took, in seconds. */
export async function publishUntilArrived(target: Target, sink: Sink): Promise<number> {
  await sink.forget()
  const sent = await load({ ...target, bodies: [BODY], connections: CONNECTIONS, requests: EVENTS, forMs: 60_000 })
  if (sent.wrong > 0 || sent.answers !== EVENTS) throw new Error(`${sent.answers} of ${EVENTS} were answered, ${sent.wrong} not with 202`)
  const { count, lastMs } = await sink.waitFor(EVENTS, 120_000)
  if (count > EVENTS) throw new Error(`${count} requests came of ${EVENTS} events`)
  return (lastMs - sent.startedAtMs) / 1000
}
