import { setTimeout as wait } from "node:timers/promises"
import { load, runJson, startListening, startPosthorn } from "../processes.ts"
import { runLane } from "../rounds.ts"

const EVENTS = 10_000
const CONNECTIONS = 64
const BYTES = 560

/** From publish until the last request arrived, projection on, one event a call, one subscription; against a loop that signs and sends to the same sink. */
export async function endToEnd(): Promise<void> {
  const posthorn = await startPosthorn()
  const sink = await startListening("sink.ts")
  try {
    const application = await posthorn.call<{ id: string }>("POST", "/v1/applications", { name: "bench" })
    const url = `http://127.0.0.1:${sink.port}/`
    await posthorn.call("POST", `/v1/applications/${application.id}/subscriptions`, { url, eventTypes: ["*"], secret: "generate" })
    const { token } = await posthorn.call<{ token: string }>("POST", `/v1/applications/${application.id}/keys`, {
      name: "bench",
      role: "sender",
    })
    const body = JSON.stringify({ type: "bench.event", data: { text: "x".repeat(BYTES) } })
    const plan = {
      host: "127.0.0.1",
      port: posthorn.httpPort,
      path: "/v1/events",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body,
      connections: CONNECTIONS,
      requests: EVENTS,
      forMs: 60_000,
      expectStatus: 202,
    }
    const arrived = async (): Promise<{ count: number; lastMs: number }> =>
      (await (await fetch(url)).json()) as { count: number; lastMs: number }
    const ours = async (): Promise<number> => {
      const before = (await arrived()).count
      const sent = await load(plan)
      if (sent.wrong > 0) throw new Error(`${sent.wrong} answers were not 202`)
      for (let now = await arrived(); ; now = await arrived()) {
        if (now.count - before >= EVENTS) return (EVENTS / (now.lastMs - sent.startedAtMs)) * 1000
        if (Date.now() - sent.startedAtMs > 120_000) throw new Error(`only ${now.count - before} of ${EVENTS} arrived`)
        await wait(20)
      }
    }
    const baseline = async (): Promise<number> =>
      EVENTS / (await runJson<{ seconds: number }>("bare-sender.ts", [url, `${EVENTS}`, `${BYTES}`])).seconds
    await runLane({
      name: "end-to-end",
      about: `publish until arrived, ${EVENTS} events of ${body.length} B, concurrency ${CONNECTIONS}, projection on, against an undici loop with HMAC to the same sink`,
      goal: { first: 0.2, aim: 0.3 },
      ours,
      baseline,
      notes: () => ({ log: process.env["POSTHORN_KAFKA_BROKERS"] ? "kafka" : "postgres" }),
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
