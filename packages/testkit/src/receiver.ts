import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface ReceivedRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Unix time in milliseconds at which the body was complete. */
  readonly receivedAtMs: number
}

/** What the receiver does once it has read a request. */
export type Reply =
  | {
      readonly kind: "answer"
      readonly statusCode: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array
      readonly delayMs?: number
    }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }

/** A reply to everything, or a choice by request; `nth` counts requests from 1. */
export type Behaviour = Reply | ((request: ReceivedRequest, nth: number) => Reply)

type AnswerParts = Omit<Extract<Reply, { kind: "answer" }>, "kind" | "statusCode">

export const answer = (statusCode: number, parts: AnswerParts = {}): Reply => ({ kind: "answer", statusCode, ...parts })
/** Reads the request and never answers. */
export const hang: Reply = { kind: "hang" }
/** Reads the request and cuts the connection. */
export const reset: Reply = { kind: "reset" }
export const redirectTo = (location: string, statusCode = 302): Reply => answer(statusCode, { headers: { location } })
/** Fails the first requests, then answers 200. */
export const failFirst =
  (count: number, failure: Reply = answer(500)): Behaviour =>
  (_request, nth) =>
    nth <= count ? failure : answer(200)

/** One behaviour for each path, counted for itself; 404 elsewhere. The query is no part of the path. */
export function byPath(behaviours: Readonly<Record<string, Behaviour>>): Behaviour {
  const counts = new Map<string, number>()
  return (request) => {
    const [path = ""] = request.path.split("?")
    const behaviour = behaviours[path] ?? answer(404)
    const nth = (counts.get(path) ?? 0) + 1
    counts.set(path, nth)
    return typeof behaviour === "function" ? behaviour(request, nth) : behaviour
  }
}

export interface ReceiverOptions {
  /** Default: 200 to everything. */
  readonly behaviour?: Behaviour
  /** Whether to keep requests; default true. A long benchmark only counts. */
  readonly keep?: boolean
  /** Default 0, any free port. */
  readonly port?: number
}

export interface Receiver extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly url: string
  readonly port: number
  /** Every request that was read to its end, in that order. */
  readonly requests: readonly ReceivedRequest[]
  /** How many that were, also when they are not kept. */
  readonly count: number
  /** Behaves otherwise from the next request on. */
  behave(behaviour: Behaviour): void
  /** Resolves as soon as the requests so far fulfil the predicate; rejects after the time-out, default 15 000 ms, with what came. */
  waitFor(predicate: (requests: readonly ReceivedRequest[]) => boolean, timeoutMs?: number): Promise<readonly ReceivedRequest[]>
  /** Cuts every connection and frees the port. */
  stop(): Promise<void>
}

interface Waiter {
  check(): void
}

/** An HTTP endpoint on a loopback port that records what it is sent and behaves as told. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  let behaviour = options.behaviour ?? answer(200)
  const requests: ReceivedRequest[] = []
  const waiters = new Set<Waiter>()
  let count = 0

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const request = received(incoming, Buffer.concat(chunks))
      count++
      if (options.keep ?? true) requests.push(request)
      reply(response, typeof behaviour === "function" ? behaviour(request, count) : behaviour)
      for (const waiter of waiters) waiter.check()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, "127.0.0.1", resolve)
  })
  const { port } = server.address() as AddressInfo

  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get count() {
      return count
    },
    behave(next) {
      behaviour = next
    },
    waitFor: (predicate, timeoutMs = 15_000) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void): void => {
          clearTimeout(timer)
          waiters.delete(waiter)
          settle()
        }
        const waiter: Waiter = {
          check: () => {
            if (predicate(requests)) end(() => resolve(requests))
          },
        }
        const timer = setTimeout(
          () => end(() => reject(new Error(`not received within ${timeoutMs} ms; received: ${summary(requests)}`))),
          timeoutMs,
        )
        waiters.add(waiter)
        waiter.check()
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    [Symbol.asyncDispose]: () => receiver.stop(),
  }
  return receiver
}

function received(incoming: IncomingMessage, body: Buffer): ReceivedRequest {
  return { method: incoming.method ?? "", path: incoming.url ?? "", headers: incoming.headers, body, receivedAtMs: Date.now() }
}

function reply(response: ServerResponse, wanted: Reply): void {
  if (wanted.kind === "reset") response.socket?.resetAndDestroy()
  if (wanted.kind !== "answer") return
  const write = (): void => {
    response.writeHead(wanted.statusCode, { ...wanted.headers }).end(wanted.body)
  }
  if (wanted.delayMs === undefined) write()
  else setTimeout(write, wanted.delayMs)
}

const summary = (requests: readonly ReceivedRequest[]): string =>
  `${requests.length} requests, the last ${
    requests
      .slice(-10)
      .map((request) => `${request.method} ${request.path}`)
      .join(", ") || "none"
  }`
