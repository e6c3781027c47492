import { limits } from "@posthorn/core"
import type { Dispatcher } from "undici"
import type { Answer, Phases, SendRequest, SendResult } from "../attempt-sender.ts"
import type { Connection } from "./connection.ts"
import { endlessPreface, type Failure, failureOf, type Stage, timedOut } from "./failure.ts"
import type { Target } from "./targets.ts"

/** Headers that follow from the URL and the body, or keep answers cheap to read: a request cannot set them. */
const HEADERS_OURS = new Set(["host", "content-length", "accept-encoding"])

/** What becomes of the connection that carried an exchange. */
export type ConnectionFate = "reusable" | "spent"

/**
 * One request and its answer, from the moment it is asked for: it may wait for a connection, then it is what the client calls back. Settles
 * exactly once, at the latest at its deadline; what happens afterwards is ignored.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly target: Target
  readonly options: Dispatcher.DispatchOptions
  /** Set once a connection carries it. */
  connection: Connection | undefined = undefined
  readonly #startedAt = performance.now()
  readonly #onSettled: (exchange: Exchange, result: SendResult, fate: ConnectionFate) => void
  readonly #deadline: NodeJS.Timeout
  #settled = false
  #sentAt = 0
  #firstByteAt = 0
  #informationalAnswers = 0
  #statusCode = 0
  #headers: Answer["headers"] = {}
  #chunks: Buffer[] = []
  #bodyBytes = 0

  constructor(request: SendRequest, target: Target, onSettled: (exchange: Exchange, result: SendResult, fate: ConnectionFate) => void) {
    this.target = target
    this.#onSettled = onSettled
    this.options = { method: request.method, path: target.path, headers: flatHeaders(request.headers), body: request.body }
    this.#deadline = setTimeout(() => this.fail(timedOut(request.timeoutMs, this.#stage())), request.timeoutMs)
  }

  onRequestStart(): void {
    this.#sentAt = performance.now()
  }

  onResponseStarted(): void {
    if (this.#firstByteAt === 0) this.#firstByteAt = performance.now()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (statusCode >= 200) {
      this.#statusCode = statusCode
      this.#headers = joined(headers)
      return
    }
    // The answer itself is still to come.
    this.#firstByteAt = 0
    if (++this.#informationalAnswers > limits.INFORMATIONAL_ANSWERS_MAX) this.fail(endlessPreface)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#bodyBytes < limits.RESPONSE_BODY_KEPT_BYTES_MAX) this.#chunks.push(chunk)
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes > limits.RESPONSE_BODY_READ_BYTES_MAX) this.#settle(this.#answer(), "spent")
  }

  onResponseEnd(): void {
    this.#settle(this.#answer(), "reusable")
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.fail(failureOf(error, this.#stage()))
  }

  fail(failure: Failure): void {
    this.#settle({ kind: "none", ...failure, phases: this.#phases() }, "spent")
  }

  #answer(): Answer {
    const kept = Math.min(this.#bodyBytes, limits.RESPONSE_BODY_KEPT_BYTES_MAX)
    // A copy, so that the larger buffers of the socket can go.
    const body = Buffer.concat(this.#chunks, kept)
    return {
      kind: "answer",
      statusCode: this.#statusCode,
      headers: this.#headers,
      body,
      truncated: this.#bodyBytes > kept,
      phases: this.#phases(),
    }
  }

  #stage(): Stage {
    if (this.#firstByteAt > 0) return this.#statusCode === 0 ? "headers" : "body"
    if (this.connection === undefined) return "queued"
    const { dialling } = this.connection
    if (dialling === undefined || dialling.readyAt > 0) return "waiting"
    if (dialling.resolvedAt === 0) return "resolving"
    if (dialling.connectedAt === 0) return "connecting"
    return this.target.secure ? "handshake" : "waiting"
  }

  #phases(): Phases {
    const dialling = this.connection?.dialling
    return {
      dns: dialling === undefined ? 0 : between(dialling.startedAt, dialling.resolvedAt),
      connect: dialling === undefined ? 0 : between(dialling.resolvedAt, dialling.connectedAt),
      tls: dialling === undefined || !this.target.secure ? 0 : between(dialling.connectedAt, dialling.readyAt),
      firstByte: between(this.#sentAt, this.#firstByteAt),
      total: performance.now() - this.#startedAt,
    }
  }

  #settle(result: SendResult, fate: ConnectionFate): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#deadline)
    this.#chunks = []
    this.#onSettled(this, result, fate)
  }
}

const between = (from: number, to: number): number => (from > 0 && to > 0 ? to - from : 0)

function flatHeaders(headers: Readonly<Record<string, string>>): string[] {
  const flat = ["accept-encoding", "identity"]
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && !HEADERS_OURS.has(name)) flat.push(name, value)
  }
  return flat
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const single: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined) single[name] = typeof value === "string" ? value : value.join(", ")
  }
  return single
}
