import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Duplex } from "node:stream"
import { setTimeout as wait } from "node:timers/promises"
import { limits, refuse, type Refusal } from "@posthorn/core"
import { refusalOf, restError } from "../error-boundary.ts"
import { type Cors } from "./cors.ts"
import { Exchange, type HttpDoor } from "./exchange.ts"
import { requestIdOf } from "./arrival.ts"

export interface HttpServer {
  readonly port: number
  /**
   * Says with every answer that its connection ends, so that whoever keeps one goes elsewhere by itself; after a grace takes no new connections,
   * closes idle ones, and resolves when the rest have had their answers or `DRAIN_MS` has passed.
   */
  close(): Promise<void>
}

export interface HttpServerOptions {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  /** Asked in this order; the first that takes a request has it. */
  readonly doors: readonly HttpDoor[]
  readonly cors: Cors
  /** How long closing waits for those who keep connections to let go of them; default `DRAIN_GRACE_MS`. */
  readonly graceMs?: number | undefined
  /** How long a request may take to arrive; default `REQUEST_TIMEOUT_MS`. Its headers may take no longer than `REQUEST_HEADERS_TIMEOUT_MS`. */
  readonly requestTimeoutMs?: number | undefined
  /** Told of what a door threw before it took the request into its care. */
  readonly failed: (path: string, requestId: string, cause: unknown) => void
}

/** Opens the HTTP port, with bounds on everything that a client could draw out. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { requestTimeoutMs = limits.REQUEST_TIMEOUT_MS } = options
  const server = createServer({
    maxHeaderSize: limits.REQUEST_HEADERS_BYTES_MAX,
    headersTimeout: Math.min(limits.REQUEST_HEADERS_TIMEOUT_MS, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: limits.CONNECTION_IDLE_MS,
    connectionsCheckingInterval: 1000,
    // Answered by ourselves, in the shape of every other error.
    requireHostHeader: false,
  })
  server.maxConnections = limits.CONNECTIONS_MAX
  server.maxRequestsPerSocket = limits.CONNECTION_REQUESTS_MAX
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  let draining = false
  const serve = (request: IncomingMessage, response: ServerResponse, refused?: Refusal): void => {
    if (draining) response.setHeader("connection", "close")
    const exchange = new Exchange(request, response)
    const fault = refused ?? faultOf(request)
    if (fault === undefined) dispatch(exchange, options)
    else exchange.refuse(fault)
  }
  server.on("request", serve)
  server.on("checkExpectation", (request, response) => serve(request, response, EXPECTATION))
  server.on("clientError", answerBroken)
  await listen(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      draining = true
      await grace(server, options.graceMs ?? limits.DRAIN_GRACE_MS)
      await drain(server, sockets)
    },
  }
}

const EXPECTATION = refuse("invalid_argument", "The expectation of the header Expect cannot be met.", { httpStatus: 417 })
const HOST = refuse("invalid_argument", "The request does not say which host it is for.", {
  details: [{ field: "host", reason: "must be given" }],
})

const faultOf = ({ headers, httpVersion }: IncomingMessage): Refusal | undefined =>
  httpVersion === "1.1" && headers.host === undefined ? HOST : undefined

/** Waits while anybody has a connection: they learn from the next answer that it ends, and none of their requests crosses its end. */
async function grace(server: Server, graceMs: number): Promise<void> {
  const isEmpty = async (): Promise<boolean> =>
    new Promise((resolve) => server.getConnections((error, count) => resolve(error === null && count === 0)))
  const untilMs = performance.now() + graceMs
  while (performance.now() < untilMs && !(await isEmpty())) await wait(limits.DRAIN_SWEEP_MS)
}

function dispatch(exchange: Exchange, { doors, cors, failed }: HttpServerOptions): void {
  try {
    if (cors(exchange)) return
    for (const door of doors) if (door(exchange)) return
    exchange.refuse(refuse("not_found", "There is nothing at this path."))
  } catch (cause) {
    failed("dispatch", exchange.requestId, cause)
    exchange.refuse(refusalOf(cause))
  }
}

/** Answers what is not HTTP, is too long or too slow, in the same shape as every other error. */
function answerBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  const requestId = requestIdOf(undefined)
  const [statusText, httpStatus, message] = BROKEN[error.code ?? ""] ?? ["Bad Request", 400, "The request is not well-formed HTTP."]
  const { headers, body } = restError(refuse("invalid_argument", message, { httpStatus }), requestId)
  const lines = Object.entries({ ...headers, "x-request-id": requestId, "content-length": Buffer.byteLength(body), connection: "close" })
  socket.end(`HTTP/1.1 ${httpStatus} ${statusText}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`)
}

const BROKEN: Readonly<Record<string, readonly [statusText: string, httpStatus: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: ["Request Header Fields Too Large", 431, `The headers are larger than ${limits.REQUEST_HEADERS_BYTES_MAX} bytes.`],
  ERR_HTTP_REQUEST_TIMEOUT: ["Request Timeout", 408, "The request did not arrive in time."],
}

async function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once("error", reject)
  server.listen(port, host, resolve)
  await promise
  server.off("error", reject)
}

async function drain(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  // One over which nothing was ever asked does not count as idle.
  const unused = [...sockets].filter(({ bytesRead }) => bytesRead === 0)
  // Closing sees to connections that are idle now; those whose answer is still to come are idle later.
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    for (const socket of unused) if (socket.bytesRead === 0) socket.destroy()
  }, limits.DRAIN_SWEEP_MS)
  const deadline = setTimeout(() => server.closeAllConnections(), limits.DRAIN_MS)
  await promise
  clearInterval(sweep)
  clearTimeout(deadline)
}
