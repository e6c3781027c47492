import { limits, type BreakerStanding, type LaneFeedback, type LaneRules, type Overdue, type SubscriptionEntity } from "@posthorn/core"
import { ErrorClass, type DeliveryDue } from "@posthorn/proto"
import type { AttemptMade } from "./attempt.ts"

/** Longest that a record may hold its partition's offset up, waiting and under way, whatever its endpoint does. */
const HELD_UP_MS_MAX = 60_000
/** How long a lane rests when its endpoint asks for less without saying for how long. */
const THROTTLE_MS = 1000
/** What a record that is put off needs to come back: it is sent on its way so much sooner. */
const WAY_BACK_MS = 500
const DEFER_MS_MIN = 1000

/** What the lane of a subscription may do. */
export function rulesOf(entity: SubscriptionEntity | undefined): LaneRules {
  const { concurrency = 0, rateLimit, timeoutMs = 0 } = entity?.subscription ?? {}
  const attemptMs = timeoutMs || limits.ATTEMPT_TIMEOUT_MS_DEFAULT
  return {
    concurrencyMax: concurrency || limits.LANE_CONCURRENCY_MAX,
    intervalMs: rateLimit ? (rateLimit.periodSeconds * 1000) / rateLimit.count : 0,
    burst: Math.max(1, rateLimit?.burst ?? 1),
    ageMsMax: Math.min(limits.LANE_AGE_MS_MAX, Math.max(DEFER_MS_MIN, HELD_UP_MS_MAX - attemptMs)),
  }
}

/** Until when an endpoint that asks for less gets nothing; `undefined` = it does not. */
export function throttledUntilMs({ verdict }: Pick<AttemptMade, "verdict">, nowMs: number): number | undefined {
  if (verdict.outcome === "delivered" || verdict.demand !== "throttle") return undefined
  return nowMs + Math.min(verdict.retryAfterMs ?? THROTTLE_MS, limits.THROTTLE_MS_MAX)
}

/** What an attempt means for the pace of its lane. */
export function feedbackOf({ verdict }: AttemptMade, standing: BreakerStanding | undefined, nowMs: number): LaneFeedback {
  if (verdict.outcome === "delivered") return { pace: "grow" }
  if (standing?.state === "open") return { pace: "probe", notBeforeMs: standing.nextProbeAtMs }
  const notBeforeMs = throttledUntilMs({ verdict }, nowMs)
  if (notBeforeMs !== undefined) return { pace: "shrink", notBeforeMs }
  return { pace: verdict.errorClass === ErrorClass.STATUS ? "keep" : "shrink" }
}

export interface Deferral extends Pick<Overdue<unknown>, "heldMs" | "turnMs"> {
  readonly due: DeliveryDue
  readonly standing: BreakerStanding | undefined
  readonly nowMs: number
  /** Where between the shortest and the longest wait, from 0 to 1. */
  readonly share: number
}

/** How long a try is put off that its lane cannot get done now: until its turn, where that is known, and ever longer where it is not. */
export function deferralMs({ due, heldMs, turnMs, standing, nowMs, share }: Deferral): number {
  const outageMs = standing?.state === "open" ? nowMs - standing.sinceMs : undefined
  if (turnMs !== undefined && outageMs === undefined)
    return Math.round(heldMs + Math.min(Math.max(turnMs - WAY_BACK_MS, DEFER_MS_MIN), limits.DEFER_MS_MAX))
  const boundMs =
    outageMs === undefined
      ? limits.DEFER_MS_MAX
      : Math.min(Math.max(outageMs / 4, limits.BREAKER_DEFER_MS_MIN), limits.BREAKER_DEFER_MS_MAX)
  const grownMs = Math.min(limits.DEFER_MS * 2 ** Math.min(due.deferrals, 10), boundMs)
  return Math.round(Math.max(heldMs, limits.DEFER_MS + share * (grownMs - limits.DEFER_MS)))
}
