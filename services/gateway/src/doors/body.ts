import type { IncomingMessage } from "node:http"
import { refuse, type Refusal } from "@posthorn/core"

const NOTHING = Buffer.alloc(0)

/** Receives a whole body, or refuses it as soon as it is known to be larger than `bytesMax`: by its announced length before anything of it is read. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | Refusal> {
  const encoding = request.headers["content-encoding"]
  if (encoding !== undefined && encoding !== "identity") {
    return Promise.resolve(refuse("invalid_argument", "Bodies are taken as they are, without a content encoding.", { httpStatus: 415 }))
  }
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return Promise.resolve(tooLarge(bytesMax))
  return receive(request, bytesMax)
}

function receive(request: IncomingMessage, bytesMax: number): Promise<Buffer | Refusal> {
  const { promise, resolve } = Promise.withResolvers<Buffer | Refusal>()
  const chunks: Buffer[] = []
  let size = 0
  const onData = (chunk: Buffer) => {
    size += chunk.length
    if (size <= bytesMax) return void chunks.push(chunk)
    request.off("data", onData)
    request.resume() // The rest is thrown away, within the request's time limit: a connection that is cut would lose the answer.
    resolve(tooLarge(bytesMax))
  }
  request.on("data", onData)
  request.once("end", () => resolve(chunks.length === 1 ? (chunks[0] ?? NOTHING) : Buffer.concat(chunks, size)))
  const gone = () => resolve(refuse("invalid_argument", "The body ended early."))
  request.once("error", gone)
  request.once("close", gone)
  if (request.destroyed) gone()
  return promise
}

/** Refuses a body that does not say it is JSON. One of no bytes need not say anything. */
export function refuseOtherThanJson(request: IncomingMessage, bytes: Uint8Array): Refusal | undefined {
  const contentType = request.headers["content-type"] ?? ""
  if (bytes.length === 0 || /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)) return undefined
  return refuse("invalid_argument", "The body must be JSON, with the content type application/json.", { httpStatus: 415 })
}

function tooLarge(bytesMax: number): Refusal {
  return refuse("invalid_argument", `The body is larger than ${bytesMax} bytes.`, { httpStatus: 413 })
}
