/**
 * An endpoint as a process of its own. Prints its port. A POST is counted and answered 200, and by its path:
 * one that begins with `/timed` notes how long ago the event was sent, by the `sentAt` in its data; `/fail-first` answers 500 to first
 * attempts and notes how long after that answer the second one came. `PUT /<trouble>` gives every later POST that trouble.
 * `GET /` answers what came; `DELETE /` forgets it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Arrived {
  /** POSTs that came, those in trouble too. */
  readonly count: number
  /** Unix milliseconds at which the first and the last one came. */
  readonly firstMs: number
  readonly lastMs: number
  /** Milliseconds, as the paths above say, by path. */
  readonly waits: Readonly<Record<string, readonly number[]>>
}

/** What becomes of a request that has been read: no answer; an answer of a byte a second; a cut connection; status 500. */
export const TROUBLES = ["hang", "drip", "reset", "fail"] as const
export type Trouble = (typeof TROUBLES)[number]

const DRIP_MS = 1000
/** More than anybody waits for at a byte a second. */
const DRIPPED_BYTES = 10_000
const NONE: Arrived = { count: 0, firstMs: 0, lastMs: 0, waits: {} }
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
const failedAtMs = new Map<string, number>()
let waits: Record<string, number[]> = {}
let arrived = NONE
let trouble: Trouble | undefined

/** Answers the status for a POST that has come in full. */
function judge({ url = "/", headers }: IncomingMessage, body: Buffer): number {
  const atMs = Date.now()
  arrived = { count: arrived.count + 1, firstMs: arrived.firstMs || atMs, lastMs: atMs, waits }
  const note = (waitedMs: number): unknown => (waits[url] ??= []).push(waitedMs)
  if (url.startsWith("/timed")) note(nowMs() - (JSON.parse(body.toString()) as { data: { sentAt: number } }).data.sentAt)
  if (url !== "/fail-first") return 200
  const id = String(headers["webhook-id"])
  if (headers["posthorn-attempt"] === "1") {
    failedAtMs.set(id, nowMs())
    return 500
  }
  note(nowMs() - (failedAtMs.get(id) ?? Number.NaN))
  return 200
}

function answer(response: ServerResponse, status: number): void {
  if (trouble === "hang") return
  if (trouble === "reset") return void response.socket?.resetAndDestroy()
  if (trouble === "drip") {
    response.writeHead(200, { "content-length": DRIPPED_BYTES }).flushHeaders()
    const timer = setInterval(() => response.write("x"), DRIP_MS)
    return void response.once("close", () => clearInterval(timer))
  }
  response.writeHead(trouble === "fail" ? 500 : status, { "content-length": 2 }).end("ok")
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    if (request.method === "PUT") trouble = TROUBLES.find((each) => `/${each}` === request.url)
    if (request.method === "DELETE") {
      waits = {}
      arrived = NONE
    }
    response.end(JSON.stringify(arrived))
    return
  }
  const parts: Buffer[] = []
  request.on("data", (part: Buffer) => parts.push(part)).on("end", () => answer(response, judge(request, Buffer.concat(parts))))
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.once("disconnect", () => process.exit(0))
