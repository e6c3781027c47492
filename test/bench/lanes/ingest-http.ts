import { startGateway } from "../posthorn.ts"
import { load, startListening } from "../processes.ts"
import type { Verdict } from "../figures.ts"
import { compareInRounds } from "../rounds.ts"
import { CHECKED_DATA, CHECKED_TYPE, openCheckedTenant } from "../tenant.ts"

const FOR_MS = 4000
const CONNECTIONS = 256
const BODY = JSON.stringify({ type: CHECKED_TYPE, data: CHECKED_DATA })

/** Events acknowledged by the log, against a server that reads a body and answers. The gateway runs alone: this lane is the accept path. */
export async function ingestHttp(): Promise<readonly Verdict[]> {
  const posthorn = await startGateway()
  const bare = await startListening("bare-http.ts")
  try {
    const plan = { ...(await openCheckedTenant(posthorn)), bodies: [BODY], connections: CONNECTIONS, forMs: FOR_MS }
    const latency = { p50Ms: 0, p99Ms: 0 }
    const rate = async (port: number): Promise<number> => {
      const result = await load({ ...plan, port })
      if (result.wrong > 0) throw new Error(`${result.wrong} of ${result.answers} answers were not 202`)
      if (port === posthorn.httpPort) Object.assign(latency, { p50Ms: result.p50Ms, p99Ms: result.p99Ms })
      return result.answers / result.seconds
    }
    return await compareInRounds({
      name: "ingest-http",
      about: `authenticated, limited, checked and durable-acked POST /v1/events, ${CONNECTIONS} connections, ${BODY.length} B, against bare node:http that reads and answers 202`,
      goal: { first: 0.4, aim: 0.6 },
      ours: () => rate(posthorn.httpPort),
      baseline: () => rate(bare.port),
      notes: () => ({ lastRoundLatency: latency }),
    })
  } finally {
    await bare.stop()
    await posthorn.stop()
  }
}
