import { ErrorClass } from "@posthorn/proto"
import { GuardRefusal } from "../guard/guard-refusal.ts"
import type { Dialling } from "./guarded-dial.ts"

export interface Failure {
  readonly errorClass: ErrorClass
  /** For people. */
  readonly error: string
}

export const refused: Failure = { errorClass: ErrorClass.REFUSED, error: new GuardRefusal().message }
export const closed: Failure = { errorClass: ErrorClass.CONNECT, error: "the sender was closed" }
export const endlessPreface: Failure = { errorClass: ErrorClass.PROTOCOL, error: "too many informational answers" }
export const timedOut = (timeoutMs: number): Failure => ({
  errorClass: ErrorClass.TIMEOUT,
  error: `no complete answer within ${timeoutMs} ms`,
})

/** How far an exchange had come when it failed. */
export interface Progress {
  /** `undefined` on a connection that was kept alive. */
  readonly dialling: Dialling | undefined
  readonly secure: boolean
  readonly answerBegan: boolean
}

const PROTOCOL_CODES = new Set([
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
])

/** Says what failed. The class follows from how far the exchange had come: one code means different things at different stages. */
export function failureOf(error: Error, { dialling, secure, answerBegan }: Progress): Failure {
  if (error instanceof GuardRefusal) return refused
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") return closed
  if (code.startsWith("HPE_") || PROTOCOL_CODES.has(code))
    return { errorClass: ErrorClass.PROTOCOL, error: `the exchange broke the rules of HTTP (${code})` }
  if (dialling !== undefined && dialling.readyAt === 0) {
    if (dialling.resolvedAt === 0) return { errorClass: ErrorClass.DNS, error: `the name did not resolve (${code})` }
    if (dialling.connectedAt === 0) return { errorClass: ErrorClass.CONNECT, error: `no connection (${code})` }
    if (secure) return { errorClass: ErrorClass.TLS, error: `the handshake failed (${code})` }
  }
  // A server that wants a certificate of ours says so only after its side of the handshake.
  if (code.startsWith("ERR_SSL_")) return { errorClass: ErrorClass.TLS, error: `the handshake failed (${code})` }
  if (answerBegan) return { errorClass: ErrorClass.PROTOCOL, error: `the answer broke off (${code})` }
  return { errorClass: ErrorClass.CONNECT, error: `the connection broke before an answer (${code})` }
}
