import { create, toBinary } from "@bufbuild/protobuf"
import { PublishRequestSchema } from "@posthorn/proto"
import type { Verdict } from "../figures.ts"
import { startGateway } from "../posthorn.ts"
import { grpcLoad, startListening } from "../processes.ts"
import { compareInRounds } from "../rounds.ts"
import { CHECKED_DATA, CHECKED_TYPE, openCheckedTenant } from "../tenant.ts"

const FOR_MS = 4000
const CONNECTIONS = 8
const STREAMS = 32
const PAYLOAD = Buffer.from(JSON.stringify(CHECKED_DATA))
const MESSAGE = Buffer.from(
  toBinary(PublishRequestSchema, create(PublishRequestSchema, { type: CHECKED_TYPE, content: { case: "payload", value: PAYLOAD } })),
)

/** Events published by unary gRPC calls and acknowledged by the log, against a grpc-js server that echoes. The gateway runs alone. */
export async function ingestGrpc(): Promise<readonly Verdict[]> {
  const posthorn = await startGateway()
  const bare = await startListening("bare-grpc.ts")
  try {
    const { headers } = await openCheckedTenant(posthorn)
    const { authorization = "" } = headers
    const plan = { path: "/posthorn.v1.IngestService/Publish", headers: { authorization }, message: MESSAGE.toString("base64") }
    const accepted = async (): Promise<number> => (await posthorn.metrics()).sum("posthorn_ingest_events_total")
    const rate = async (port: number): Promise<number> => {
      const { answers, wrong, seconds } = await grpcLoad({ ...plan, port, connections: CONNECTIONS, streams: STREAMS, forMs: FOR_MS })
      if (wrong > 0) throw new Error(`${wrong} calls failed, ${answers} did not`)
      return answers / seconds
    }
    return await compareInRounds({
      name: "ingest-grpc",
      about: `authenticated, limited, checked and durable-acked unary Publish, ${CONNECTIONS} connections of ${STREAMS} calls, ${MESSAGE.length} B, against a bare grpc-js echo`,
      goal: { first: 0.55, aim: 0.75 },
      ours: async () => {
        const before = await accepted()
        const perSecond = await rate(posthorn.grpcPort)
        if ((await accepted()) === before) throw new Error("no event was accepted")
        return perSecond
      },
      baseline: () => rate(bare.port),
    })
  } finally {
    await bare.stop()
    await posthorn.stop()
  }
}
