import type { ErrorClass } from "@posthorn/proto"

/** One HTTP request to an endpoint. */
export interface SendRequest {
  readonly method: string
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Deadline over the whole attempt: names, connection, handshake, request, response. Milliseconds. */
  readonly timeoutMs: number
}

/** Milliseconds; 0 = the phase did not happen. */
export interface Phases {
  readonly dns: number
  readonly connect: number
  readonly tls: number
  readonly firstByte: number
  readonly total: number
}

/** An answer was read to its end, or to the bound on its body, whatever its status. Still on its way at the deadline it is none, a 2xx too. */
export interface Answer {
  readonly kind: "answer"
  readonly statusCode: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** At most `RESPONSE_BODY_KEPT_BYTES_MAX` bytes. */
  readonly body: Uint8Array
  /** Whether the body went on after what is kept. */
  readonly truncated: boolean
  readonly phases: Phases
}

/** No answer. */
export interface NoAnswer {
  readonly kind: "none"
  readonly errorClass: ErrorClass
  /** For people. Says of a timeout what it interrupted; never holds an address that the guard refused. */
  readonly error: string
  readonly phases: Phases
}

export type SendResult = Answer | NoAnswer

/** Sends attempts to endpoints that nobody trusts. */
export interface AttemptSender {
  /**
   * Makes one request and reads its answer within bounds. Never rejects, never follows a redirect, never retries, and reaches no address
   * that the policy refuses. Resolves at most about 100 ms after the deadline.
   */
  send(request: SendRequest): Promise<SendResult>
  /** Closes every connection; requests under way end as failures. */
  close(): Promise<void>
}
