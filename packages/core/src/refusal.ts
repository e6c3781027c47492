/** Why a request is not done: a value, not an exception. Mapped to each protocol once, in the gateway's error boundary. */
export interface Refusal {
  readonly kind: "refusal"
  readonly code: RefusalCode
  /** For the caller; says what to do. Never holds internals. */
  readonly message: string
  readonly details: readonly Violation[]
  /** Refines the HTTP status that `code` stands for: 413, 415 and 422 are all `invalid_argument`. */
  readonly httpStatus?: number
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number
}

/** One fault of a request. */
export interface Violation {
  /** Path of the field, as the contract names it (`subscription.url`); a header or parameter by its name. */
  readonly field: string
  readonly reason: string
}

/** Names of gRPC codes in lower snake case, the ones that Posthorn answers. */
export type RefusalCode =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "aborted"
  | "failed_precondition"
  | "resource_exhausted"
  | "unimplemented"
  | "deadline_exceeded"
  | "unavailable"
  | "internal"

export function refuse(
  code: RefusalCode,
  message: string,
  more: { details?: readonly Violation[]; httpStatus?: number; retryAfterSeconds?: number } = {},
): Refusal {
  return {
    kind: "refusal",
    code,
    message,
    details: more.details ?? [],
    ...(more.httpStatus === undefined ? {} : { httpStatus: more.httpStatus }),
    ...(more.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: more.retryAfterSeconds }),
  }
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "refusal"
}
