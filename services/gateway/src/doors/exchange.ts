import type { IncomingMessage, ServerResponse } from "node:http"
import { type Refusal, refuse } from "@posthorn/core"
import { restError } from "../error-boundary.ts"
import { type Arrival, etagOf, requestIdOf } from "./arrival.ts"

/** Sent with every answer: what comes from the API is data, for nobody else to keep, frame or guess the type of. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
}

const SHORT_LENGTH = 500
const ASCII = /^[\x20-\x7e]*$/

/** One HTTP request with its answer. */
export class Exchange implements Arrival {
  readonly door = "rest"
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  /** Without the query, percent-encoded. */
  readonly path: string
  /** Without the question mark. */
  readonly queryText: string
  #abort: AbortController | undefined

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = request.url ?? "/"
    const mark = url.indexOf("?")
    this.request = request
    this.response = response
    this.requestId = requestIdOf(request.headers["x-request-id"])
    this.path = mark === -1 ? url : url.slice(0, mark)
    this.queryText = mark === -1 ? "" : url.slice(mark + 1)
  }

  readonly tell = (name: string, value: string): void => {
    if (!this.response.headersSent) this.response.setHeader(name, value)
  }

  /** HEAD is answered as GET; Node leaves the body out. */
  get method(): string {
    return this.request.method === "HEAD" ? "GET" : (this.request.method ?? "")
  }

  get authorization(): string | undefined {
    return this.request.headers.authorization
  }

  get remoteAddress(): string {
    return this.request.socket.remoteAddress ?? ""
  }

  get ifMatch(): string | undefined {
    return etagOf(this.request.headers["if-match"])
  }

  get idempotencyKey(): string | undefined {
    const key = this.request.headers["idempotency-key"]
    return typeof key === "string" ? key : undefined
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.response.once("close", () => this.response.writableFinished || abort.abort())
      if (this.response.destroyed) abort.abort()
      this.#abort = abort
    }
    return this.#abort.signal
  }

  send(status: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    if (this.response.headersSent || this.response.destroyed) return
    this.response.writeHead(status, {
      ...SECURITY_HEADERS,
      "x-request-id": this.requestId,
      ...headers,
      ...(status === 204 ? {} : { "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.length }),
    })
    // What is plain ASCII need not be encoded, which is a good part of a short answer's cost.
    if (typeof body === "string" && body.length <= SHORT_LENGTH && ASCII.test(body)) this.response.end(body, "latin1")
    else this.response.end(body)
  }

  /** Begins an answer that goes on for as long as it takes. Answers whether its body is wanted: not by HEAD, nor by a client that went away. */
  begin(status: number, headers: Readonly<Record<string, string>>, opening: string): boolean {
    if (this.response.destroyed) return false
    this.response.on("error", () => undefined) // What is written to a client that goes away is lost, as it would be a moment later.
    this.response.writeHead(status, { ...SECURITY_HEADERS, "x-request-id": this.requestId, ...headers })
    this.response.flushHeaders()
    if (opening !== "") this.response.write(opening)
    return this.request.method !== "HEAD"
  }

  /** Resolves when the client has taken so much that more may follow; `undefined` = it may at once. Never, when the client goes away before. */
  write(text: string): Promise<void> | undefined {
    if (this.response.destroyed || this.response.write(text)) return undefined
    return new Promise<void>((resolve) => this.response.once("drain", resolve))
  }

  /** Ends an answer that was begun. A client that does not take the rest of it in time is cut off. */
  finish(closing: string, graceMs: number): void {
    if (this.response.destroyed) return
    const timer = setTimeout(() => this.response.destroy(), graceMs)
    this.response.once("close", () => clearTimeout(timer))
    this.response.end(closing)
  }

  sendJson(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.send(status, { "content-type": "application/json", ...headers }, JSON.stringify(value))
  }

  refuse(refusal: Refusal, headers: Readonly<Record<string, string>> = {}): void {
    const answer = restError(refusal, this.requestId)
    this.send(answer.status, { ...answer.headers, ...headers }, answer.body)
  }

  /** 405: the path is there, for other methods. */
  refuseMethod(allow: readonly string[]): void {
    const list = [...allow, ...(allow.includes("GET") ? ["HEAD"] : [])].toSorted().join(", ")
    this.refuse(refuse("unimplemented", `${this.path} takes ${list}.`, { httpStatus: 405 }), { allow: list })
  }
}

/** A part of the HTTP surface. Answers whether the request was for it; if so, it sees to the answer. */
export type HttpDoor = (exchange: Exchange) => boolean
