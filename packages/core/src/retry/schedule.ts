import type { RetryPolicy } from "@posthorn/proto"
import * as limits from "../limits.ts"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The waits of the default schedule; the last one repeats until `RETRY_SPAN_MS` after the first attempt. */
const DEFAULT_DELAYS_MS = [1 * MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 1 * HOUR_MS] as const
const RETRY_DELAY_SECONDS_DEFAULT = 60

export interface RetryQuestion {
  readonly policy: RetryPolicy | undefined
  /** Failed attempts of this round so far, at least 1. */
  readonly failures: number
  readonly firstAttemptAtMs: number
  readonly nowMs: number
  /** What the endpoint asked for by `Retry-After`, from now; never makes a retry earlier. */
  readonly retryAfterMs?: number | undefined
}

/** When to try again (unix milliseconds), or `undefined` when the schedule is used up. */
export function nextAttemptAt(question: RetryQuestion): number | undefined {
  const delayMs = delayOf(question)
  if (delayMs === undefined) return undefined
  const asked = Math.min(question.retryAfterMs ?? 0, limits.RETRY_AFTER_MS_MAX)
  return question.nowMs + Math.max(delayMs, asked)
}

function delayOf({ policy, failures, firstAttemptAtMs, nowMs }: RetryQuestion): number | undefined {
  if (policy && policy.delaysSeconds.length > 0) {
    const seconds = policy.delaysSeconds[failures - 1]
    return seconds === undefined ? undefined : seconds * 1000
  }
  if (policy?.retryCount !== undefined) {
    const base = policy.retryDelaySeconds || RETRY_DELAY_SECONDS_DEFAULT
    return failures > policy.retryCount ? undefined : Math.min(base * 2 ** (failures - 1) * 1000, limits.RETRY_AFTER_MS_MAX)
  }
  const delayMs = DEFAULT_DELAYS_MS[failures - 1] ?? HOUR_MS
  return nowMs + delayMs > firstAttemptAtMs + limits.RETRY_SPAN_MS ? undefined : delayMs
}
