import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import type { Health } from "./health.ts"
import type { Metrics } from "./metrics.ts"

export interface HealthSources {
  /** The whole and its components. */
  health(): Promise<Health>
  /** Whether work may be sent here. */
  ready(): boolean
  /** Whether the process can still do its work; if not, it is best killed. */
  alive(): boolean
  readonly metrics: Metrics
}

export interface HealthAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What `/health`, `/livez`, `/readyz` and `/metrics` answer; `undefined` for any other path. */
export async function answerHealth(path: string, sources: HealthSources): Promise<HealthAnswer | undefined> {
  switch (path) {
    case "/health": {
      const health = await sources.health()
      return { status: health.status === "down" ? 503 : 200, contentType: "application/json", body: JSON.stringify(health) }
    }
    case "/livez":
      return yesOrNo(sources.alive())
    case "/readyz":
      return yesOrNo(sources.ready())
    case "/metrics":
      return { status: 200, contentType: sources.metrics.contentType, body: await sources.metrics.text() }
    default:
      return undefined
  }
}

const yesOrNo = (yes: boolean): HealthAnswer => ({ status: yes ? 200 : 503, contentType: "text/plain", body: yes ? "ok\n" : "no\n" })

export interface HealthServer {
  readonly url: string
  stop(): Promise<void>
}

/** Serves the answers above and nothing else, for a service without an API of its own. Resolves when it listens. */
export async function startHealthServer(options: { host: string; port: number; sources: HealthSources }): Promise<HealthServer> {
  const { host, port, sources } = options
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5000 }, listener(sources))
  server.maxConnections = 100
  const listening = Promise.withResolvers<void>()
  server.once("error", listening.reject).listen(port, host, listening.resolve)
  await listening.promise
  // A server that listens on a host and port has an address of this form.
  const address = server.address() as AddressInfo
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await server[Symbol.asyncDispose]()
  }
  return { url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`, stop }
}

function listener(sources: HealthSources): RequestListener {
  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "/"
    const known = request.method === "GET" || request.method === "HEAD" ? answerHealth(path, sources) : Promise.resolve(undefined)
    known.then(
      (answer) => {
        const { status, contentType, body } = answer ?? { status: 404, contentType: "text/plain", body: "not found\n" }
        response
          .writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body), "cache-control": "no-store" })
          .end(body)
      },
      () => response.writeHead(500).end(),
    )
  }
}
