/** The one place where a refusal, or whatever was thrown, becomes an answer of a protocol. */
import { create, toBinary } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { Code, ConnectError } from "@connectrpc/connect"
import { Metadata, type StatusObject } from "@grpc/grpc-js"
import { AnalyticsUnavailable } from "@posthorn/analytics"
import { isRefusal, refuse, type Refusal, type RefusalCode } from "@posthorn/core"
import { LogUnavailable } from "@posthorn/log"
import { StoreUnavailable } from "@posthorn/store"
import { BadRequestSchema, RequestInfoSchema, RetryInfoSchema, StatusSchema } from "@posthorn/proto"

/** Each code as the HTTP status that `google.rpc.Code` gives it, and as the number that gRPC and Connect share. */
export const CODES: Readonly<Record<RefusalCode, { readonly http: number; readonly number: Code }>> = {
  invalid_argument: { http: 400, number: Code.InvalidArgument },
  unauthenticated: { http: 401, number: Code.Unauthenticated },
  permission_denied: { http: 403, number: Code.PermissionDenied },
  not_found: { http: 404, number: Code.NotFound },
  already_exists: { http: 409, number: Code.AlreadyExists },
  aborted: { http: 409, number: Code.Aborted },
  failed_precondition: { http: 400, number: Code.FailedPrecondition },
  resource_exhausted: { http: 429, number: Code.ResourceExhausted },
  unimplemented: { http: 501, number: Code.Unimplemented },
  deadline_exceeded: { http: 504, number: Code.DeadlineExceeded },
  unavailable: { http: 503, number: Code.Unavailable },
  internal: { http: 500, number: Code.Internal },
}

/** What a client is told of something that was thrown. Nothing of the cause but its kind gets out. */
export function refusalOf(thrown: unknown): Refusal {
  if (isRefusal(thrown)) return thrown
  if (thrown instanceof StoreUnavailable)
    return refuse("unavailable", "What became of events cannot be looked up at the moment. Publishing goes on.", { retryAfterSeconds: 1 })
  if (thrown instanceof AnalyticsUnavailable)
    return refuse("unavailable", "Statistics cannot be looked up at the moment. Everything else goes on.", { retryAfterSeconds: 1 })
  if (!(thrown instanceof LogUnavailable))
    return refuse("internal", "Something went wrong on our side. The request id finds it in our log.")
  const state =
    thrown.outcome === "refused"
      ? "Nothing was stored."
      : "The request may or may not have been carried out; an idempotency key makes it safe to send again."
  return refuse("unavailable", `The log does not acknowledge at the moment. ${state}`, { retryAfterSeconds: 1 })
}

export interface RestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The one shape of errors over HTTP: `{code, message, details: [{field, reason}], requestId}`. */
export function restError(refusal: Refusal, requestId: string): RestAnswer {
  const { code, message, details } = refusal
  return {
    status: refusal.httpStatus ?? CODES[code].http,
    headers: {
      "content-type": "application/json",
      ...(refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }),
      ...(code === "unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
    },
    body: JSON.stringify({ code, message, details, requestId }),
  }
}

/** The status of a gRPC call, with `google.rpc.Status` and its details in `grpc-status-details-bin`. */
export function grpcError(refusal: Refusal, requestId: string): Partial<StatusObject> {
  const code = CODES[refusal.code].number as number
  const details = messagesOf(refusal, requestId).map(({ desc, value }) => anyPack(desc, create(desc, value)))
  const metadata = new Metadata()
  metadata.set("x-request-id", requestId)
  metadata.set(
    "grpc-status-details-bin",
    Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message: refusal.message, details }))),
  )
  return { code, details: refusal.message, metadata }
}

/** The same for Connect and gRPC-Web; the request id is in the header of every answer of that door. */
export function connectError(refusal: Refusal, requestId: string): ConnectError {
  const headers = refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }
  return new ConnectError(refusal.message, CODES[refusal.code].number, headers, messagesOf(refusal, requestId))
}

function messagesOf(refusal: Refusal, requestId: string) {
  const fieldViolations = refusal.details.map(({ field, reason }) => ({ field, description: reason }))
  const retryDelay = { seconds: BigInt(refusal.retryAfterSeconds ?? 0) }
  return [
    ...(fieldViolations.length === 0 ? [] : [{ desc: BadRequestSchema, value: { fieldViolations } }]),
    ...(refusal.retryAfterSeconds === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay } }]),
    { desc: RequestInfoSchema, value: { requestId } },
  ]
}
