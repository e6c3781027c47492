import { ErrorClass } from "@posthorn/proto"
import { retryAfterMsOf } from "./retry-after.ts"

/** What came back from one request: as the sender answers it, of which this much matters here. */
export type Result =
  | { readonly kind: "answer"; readonly statusCode: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: "none"; readonly errorClass: ErrorClass; readonly error: string }

/** What an attempt came to. */
export type Verdict =
  | { readonly outcome: "delivered"; readonly statusCode: number }
  | {
      readonly outcome: "failed"
      readonly errorClass: ErrorClass
      /** 0 = no answer. */
      readonly statusCode: number
      readonly error: string
      /** `gone`: the endpoint wants nothing any more. `throttle`: it wants less. */
      readonly demand: "none" | "gone" | "throttle"
      readonly retryAfterMs: number | undefined
    }

/** The response contract of Standard Webhooks: 2xx delivers, 410 ends the subscription, 429, 502 and 504 ask for less, everything else fails. */
export function classify(result: Result, nowMs: number): Verdict {
  if (result.kind === "none") {
    return { outcome: "failed", errorClass: result.errorClass, statusCode: 0, error: result.error, demand: "none", retryAfterMs: undefined }
  }
  const { statusCode } = result
  if (statusCode >= 200 && statusCode < 300) return { outcome: "delivered", statusCode }
  const redirect = statusCode >= 300 && statusCode < 400
  return {
    outcome: "failed",
    errorClass: ErrorClass.STATUS,
    statusCode,
    error: redirect ? `answered ${statusCode}; redirects are not followed` : `answered ${statusCode}`,
    demand: statusCode === 410 ? "gone" : statusCode === 429 || statusCode === 502 || statusCode === 504 ? "throttle" : "none",
    retryAfterMs: retryAfterMsOf(result.headers["retry-after"], nowMs),
  }
}
