/**
 * An endpoint as a process of its own. Prints its port. A POST is counted and answered 200, and by its path:
 * `/timed` notes how long ago the event was sent, by the `sentAt` in its data; `/fail-first` answers 500 to first attempts and notes
 * how long after that answer the second one came. `PUT /hang` makes it take every later POST and never answer.
 * `GET /` answers what came; `DELETE /` forgets it.
 */
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"

export interface Arrived {
  /** POSTs that came, those left hanging too. */
  readonly count: number
  /** Unix milliseconds at which the first and the last one came. */
  readonly firstMs: number
  readonly lastMs: number
  /** Milliseconds, as the paths above say. */
  readonly waits: readonly number[]
}

const NONE: Arrived = { count: 0, firstMs: 0, lastMs: 0, waits: [] }
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
const failedAtMs = new Map<string, number>()
let waits: number[] = []
let arrived = NONE
let hanging = false

/** Answers the status for a POST that has come in full. */
function judge({ url, headers }: IncomingMessage, body: Buffer): number {
  const atMs = Date.now()
  arrived = { count: arrived.count + 1, firstMs: arrived.firstMs || atMs, lastMs: atMs, waits }
  if (url === "/timed") waits.push(nowMs() - (JSON.parse(body.toString()) as { data: { sentAt: number } }).data.sentAt)
  if (url !== "/fail-first") return 200
  const id = String(headers["webhook-id"])
  if (headers["posthorn-attempt"] === "1") {
    failedAtMs.set(id, nowMs())
    return 500
  }
  waits.push(nowMs() - (failedAtMs.get(id) ?? Number.NaN))
  return 200
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    if (request.method === "PUT") hanging = true
    if (request.method === "DELETE") {
      waits = []
      arrived = NONE
    }
    response.end(JSON.stringify(arrived))
    return
  }
  const parts: Buffer[] = []
  request
    .on("data", (part: Buffer) => parts.push(part))
    .on("end", () => {
      const status = judge(request, Buffer.concat(parts))
      if (!hanging) response.writeHead(status, { "content-length": 2 }).end("ok")
    })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.once("disconnect", () => process.exit(0))
