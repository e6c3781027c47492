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
  /** Where between no and full `RETRY_SPREAD` it comes, from 0 to 1: what failed together is not tried again all at once. */
  readonly spread?: number
}

export interface NextRetry {
  /** Unix milliseconds. */
  readonly atMs: number
  /** Whether the endpoint asked for a later time than the schedule has. */
  readonly asked: boolean
}

/** When to try again, or `undefined` when the schedule is used up. */
export function nextRetry(question: RetryQuestion): NextRetry | undefined {
  const delayMs = delayOf(question)
  if (delayMs === undefined) return undefined
  const spreadMs = (question.spread ?? 0) * Math.min(delayMs * limits.RETRY_SPREAD, limits.RETRY_SPREAD_MS_MAX)
  const plannedMs = delayMs + Math.floor(spreadMs)
  const askedMs = Math.min(question.retryAfterMs ?? 0, limits.RETRY_AFTER_MS_MAX)
  return { atMs: question.nowMs + Math.max(plannedMs, askedMs), asked: askedMs > plannedMs }
}

/** How long after the beginning of a round its schedule has run out in any case; at least `RETRY_SPAN_MS`. */
export function scheduleSpanMs(policy: RetryPolicy | undefined): number {
  let planned = 0
  if (policy && policy.delaysSeconds.length > 0) planned = policy.delaysSeconds.reduce((sum, seconds) => sum + seconds * 1000, 0)
  else if (policy?.retryCount !== undefined)
    for (let failures = 1; failures <= policy.retryCount; failures++) planned += exponentialMs(policy, failures)
  return Math.max(planned, limits.RETRY_SPAN_MS)
}

const exponentialMs = ({ retryDelaySeconds }: RetryPolicy, failures: number): number =>
  Math.min((retryDelaySeconds || RETRY_DELAY_SECONDS_DEFAULT) * 2 ** (failures - 1) * 1000, limits.RETRY_AFTER_MS_MAX)

function delayOf({ policy, failures, firstAttemptAtMs, nowMs }: RetryQuestion): number | undefined {
  if (policy && policy.delaysSeconds.length > 0) {
    const seconds = policy.delaysSeconds[failures - 1]
    return seconds === undefined ? undefined : seconds * 1000
  }
  if (policy?.retryCount !== undefined) {
    return failures > policy.retryCount ? undefined : exponentialMs(policy, failures)
  }
  const delayMs = DEFAULT_DELAYS_MS[failures - 1] ?? HOUR_MS
  return nowMs + delayMs > firstAttemptAtMs + limits.RETRY_SPAN_MS ? undefined : delayMs
}
