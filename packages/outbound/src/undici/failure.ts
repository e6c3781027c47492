import { ErrorClass } from "@posthorn/proto"
import { GuardRefusal } from "../guard/guard-refusal.ts"

export interface Failure {
  readonly errorClass: ErrorClass
  /** For people. */
  readonly error: string
}

export const refused: Failure = { errorClass: ErrorClass.REFUSED, error: new GuardRefusal().message }
export const closed: Failure = { errorClass: ErrorClass.CONNECT, error: "the sender was closed" }
export const endlessPreface: Failure = { errorClass: ErrorClass.PROTOCOL, error: "too many informational answers" }

/** How far an exchange has come. On a connection that was kept alive it begins with `waiting`. */
export type Stage = "queued" | "resolving" | "connecting" | "handshake" | "waiting" | "headers" | "body"

const INTERRUPTED: Readonly<Record<Stage, string>> = {
  queued: "while waiting for a free connection to the endpoint",
  resolving: "while resolving the name",
  connecting: "while connecting",
  handshake: "in the TLS handshake",
  waiting: "while waiting for the answer",
  headers: "while reading the headers",
  body: "while reading the body",
}

export const timedOut = (timeoutMs: number, stage: Stage): Failure => ({
  errorClass: ErrorClass.TIMEOUT,
  error: `timed out after ${timeoutMs} ms ${INTERRUPTED[stage]}`,
})

const PROTOCOL_CODES = new Set([
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
])

/** Says what failed. The class follows from how far the exchange had come: one code means different things at different stages. */
export function failureOf(error: Error, stage: Stage): Failure {
  if (error instanceof GuardRefusal) return refused
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") return closed
  if (code.startsWith("HPE_") || PROTOCOL_CODES.has(code))
    return { errorClass: ErrorClass.PROTOCOL, error: `the exchange broke the rules of HTTP (${code})` }
  if (stage === "resolving") return { errorClass: ErrorClass.DNS, error: `the name did not resolve (${code})` }
  if (stage === "connecting") return { errorClass: ErrorClass.CONNECT, error: `no connection (${code})` }
  // A server that wants a certificate of ours says so only after its side of the handshake.
  if (stage === "handshake" || code.startsWith("ERR_SSL_")) return { errorClass: ErrorClass.TLS, error: `the handshake failed (${code})` }
  if (stage === "headers" || stage === "body") return { errorClass: ErrorClass.PROTOCOL, error: `the answer broke off (${code})` }
  return { errorClass: ErrorClass.CONNECT, error: `the connection broke before an answer (${code})` }
}
