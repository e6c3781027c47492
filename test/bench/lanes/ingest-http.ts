import { load, startGateway, startListening } from "../processes.ts"
import { runLane } from "../rounds.ts"

const FOR_MS = 4000
const CONNECTIONS = 256
const body = JSON.stringify({ text: "x".repeat(560) })

/** Events acknowledged by the log, against a server that reads a body and answers. The gateway runs alone: this lane is the accept path. */
export async function ingestHttp(): Promise<void> {
  const posthorn = await startGateway()
  const bare = await startListening("bare-http.ts")
  try {
    const application = await posthorn.call<{ id: string }>("POST", "/v1/applications", { name: "bench" })
    const { token } = await posthorn.call<{ token: string }>("POST", `/v1/applications/${application.id}/keys`, {
      name: "bench",
      role: "sender",
    })
    const base = {
      host: "127.0.0.1",
      path: "/v1/events",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: `{"type":"bench.event","data":${body}}`,
      connections: CONNECTIONS,
      forMs: FOR_MS,
      expectStatus: 202,
    }
    const latency = { p50Ms: 0, p99Ms: 0 }
    const rate = async (port: number): Promise<number> => {
      const result = await load({ ...base, port })
      if (result.wrong > 0) throw new Error(`${result.wrong} of ${result.answers} answers were not 202`)
      if (port === posthorn.httpPort) Object.assign(latency, { p50Ms: result.p50Ms, p99Ms: result.p99Ms })
      return result.answers / result.seconds
    }
    await runLane({
      name: "ingest-http",
      about: `durable-acked POST /v1/events, ${CONNECTIONS} connections, ${base.body.length} B, against bare node:http that reads and answers 202`,
      goal: { first: 0.4, aim: 0.6 },
      ours: () => rate(posthorn.httpPort),
      baseline: () => rate(bare.port),
      notes: () => ({ lastRoundLatency: latency, log: process.env["POSTHORN_KAFKA_BROKERS"] ? "kafka" : "postgres" }),
    })
  } finally {
    await bare.stop()
    await posthorn.stop()
  }
}
