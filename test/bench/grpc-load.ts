/**
 * A load generator for one unary method as a process of its own: reads its plan, prints what came of it. HTTP/2 as Node has it and frames
 * made once, so that it costs less than what it measures; a closed loop on every stream.
 */
import { connect, constants, type ClientHttp2Session } from "node:http2"
import { text } from "node:stream/consumers"

export interface GrpcLoadPlan {
  readonly port: number
  /** `/package.Service/Method` */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The request message, in base64. */
  readonly message: string
  readonly connections: number
  /** Calls under way on each connection. */
  readonly streams: number
  readonly forMs: number
}

export interface GrpcLoadResult {
  /** Calls that ended well. */
  readonly answers: number
  /** Calls that ended with another status than OK, or without an answer. */
  readonly wrong: number
  readonly seconds: number
}

const PREFIX_BYTES = 5

/** A message as gRPC frames it: not compressed, with its length. */
function frameOf(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Whether the call ended with status OK and a message. */
function call(session: ClientHttp2Session, { path, headers }: GrpcLoadPlan, frame: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    let bytes = 0
    let status: unknown
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    })
    stream
      .on("response", (response) => (status = response["grpc-status"]))
      .on("trailers", (trailers) => (status = trailers["grpc-status"]))
      .on("data", (part: Buffer) => (bytes += part.length))
      // What went wrong is seen by the missing status.
      .on("error", () => undefined)
      .on("close", () => resolve(status === "0" && bytes >= PREFIX_BYTES))
    stream.end(frame)
  })
}

const plan = JSON.parse(await text(process.stdin)) as GrpcLoadPlan
const frame = frameOf(Buffer.from(plan.message, "base64"))
const started = performance.now()
let [answers, wrong] = [0, 0]
await Promise.all(
  Array.from({ length: plan.connections }, async () => {
    const session = connect(`http://127.0.0.1:${plan.port}`)
    await Promise.all(
      Array.from({ length: plan.streams }, async () => {
        while (performance.now() - started < plan.forMs && !session.closed) {
          if (await call(session, plan, frame)) answers++
          else wrong++
        }
      }),
    )
    session.close()
  }),
)
const result: GrpcLoadResult = { answers, wrong, seconds: (performance.now() - started) / 1000 }
process.stdout.write(`${JSON.stringify(result)}\n`)
