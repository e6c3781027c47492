import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  AttemptFinishedSchema,
  DeadLetterReason,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  DeliveryFactsSchema,
  DeliverySettledSchema,
  DeliveryState,
  NextAttemptReason,
  type Attempt,
  type AttemptFinished,
  type CancelTry,
  type DeadLetterRecord,
  type DeliveryDue,
  type DeliveryFacts,
  type DeliverySettled,
  type RetryPolicy,
} from "@posthorn/proto"
import { assert } from "../assert.ts"
import type { Verdict } from "../attempt/classify.ts"
import { nextRetry, scheduleSpanMs } from "../retry/schedule.ts"

/** Reasons that end a delivery, as the API shows them. */
export const REASONS = {
  exhausted: "retries_exhausted",
  gone: "endpoint_gone",
  disabled: "subscription_disabled",
  deleted: "subscription_deleted",
  /** Not the end: it waits until the subscription is resumed. */
  paused: "subscription_paused",
  cancelled: "cancelled_by_request",
} as const

/** Names one try of a delivery: copies of a record have the same. */
export const tryKey = ({ deliveryId, round, attempt }: Pick<DeliveryDue, "deliveryId" | "round" | "attempt">): string =>
  `${deliveryId}/${round}/${attempt}`

/** What never changes about a delivery. */
export function factsOf(due: DeliveryDue, event = due.event): DeliveryFacts {
  assert(event, "a due delivery carries its event")
  return create(DeliveryFactsSchema, {
    deliveryId: due.deliveryId,
    applicationId: event.applicationId,
    eventId: event.eventId,
    subscriptionId: due.subscriptionId,
    eventType: event.type,
    retentionHours: event.retentionHours,
    ...(due.createdAt ? { createdAt: due.createdAt } : {}),
  })
}

export interface AttemptEnd {
  readonly due: DeliveryDue
  readonly attempt: Attempt
  readonly verdict: Verdict
  readonly policy: RetryPolicy | undefined
  readonly nowMs: number
  /** Why nothing more may be sent to the subscription, by now. */
  readonly stopped?: string | undefined
}

/** What an attempt that ended makes of its delivery: delivered, tried again at a time, dead, or cancelled. */
export function decideAttempt({ due, attempt, verdict, policy, nowMs, stopped }: AttemptEnd): AttemptFinished {
  const base = { delivery: factsOf(due), round: due.round, attempt }
  if (verdict.outcome === "delivered") return create(AttemptFinishedSchema, { ...base, state: DeliveryState.DELIVERED })
  if (verdict.demand === "gone") return create(AttemptFinishedSchema, { ...base, state: DeliveryState.DEAD, reason: REASONS.gone })
  if (stopped !== undefined) return create(AttemptFinishedSchema, { ...base, state: DeliveryState.CANCELLED, reason: stopped })
  assert(attempt.startedAt, "an attempt that ended had started")
  const failures = due.attempt - due.roundFirstAttempt + 1
  const next = nextRetry({
    policy,
    failures,
    firstAttemptAtMs: timestampMs(due.firstAttemptAt ?? attempt.startedAt),
    nowMs,
    retryAfterMs: verdict.retryAfterMs,
    spread: shareOf(tryKey(due)),
  })
  if (next === undefined) return create(AttemptFinishedSchema, { ...base, state: DeliveryState.DEAD, reason: REASONS.exhausted })
  return create(AttemptFinishedSchema, {
    ...base,
    state: DeliveryState.RETRYING,
    nextAttemptAt: timestampFromMs(next.atMs),
    nextAttemptReason: next.asked ? NextAttemptReason.RETRY_AFTER : NextAttemptReason.SCHEDULE,
    retryNumber: failures,
  })
}

/** A record that has to follow an attempt. */
export type Follow = { readonly kind: "retry"; readonly due: DeliveryDue } | { readonly kind: "dead"; readonly letter: DeadLetterRecord }

/**
 * What has to follow an attempt that ended: a function of the two records alone, so that whoever finds the second one
 * can carry it out again and gets the same.
 */
export function followOf(due: DeliveryDue, finished: AttemptFinished): Follow | undefined {
  const { attempt } = finished
  assert(attempt?.startedAt && attempt.finishedAt, "a finished attempt has its times")
  if (finished.state === DeliveryState.RETRYING) {
    assert(finished.nextAttemptAt, "a delivery that is tried again has a time for it")
    const firstAttemptAt = due.firstAttemptAt ?? attempt.startedAt
    return {
      kind: "retry",
      due: create(DeliveryDueSchema, {
        ...due,
        attempt: due.attempt + 1,
        dueAt: finished.nextAttemptAt,
        firstAttemptAt,
        deferrals: 0,
        hastened: false,
      }),
    }
  }
  if (finished.state !== DeliveryState.DEAD) return undefined
  const letter = create(DeadLetterRecordSchema, {
    reason: finished.reason === REASONS.gone ? DeadLetterReason.GONE : DeadLetterReason.EXHAUSTED,
    error: attempt.error,
    statusCode: attempt.statusCode,
    errorClass: attempt.errorClass,
    deadAt: attempt.finishedAt,
    content: { case: "delivery", value: due },
  })
  return { kind: "dead", letter }
}

/** A delivery that ends without an attempt, because nothing may be sent to its subscription any more, or somebody wants it so. */
export const decideCancelled = (due: DeliveryDue, reason: string, nowMs: number): DeliverySettled =>
  settled(tryOf(due), { state: DeliveryState.CANCELLED, reason, nowMs })

/** The same of a try that somebody wants not to be made, and that has not come. */
export const decideCancelledAsWanted = (cancel: CancelTry, nowMs: number): DeliverySettled =>
  settled(cancel, { state: DeliveryState.CANCELLED, reason: cancel.reason, nowMs })

/** A delivery whose schedule ran out while its subscription's breaker was open. */
export const decideExpired = (due: DeliveryDue, nowMs: number): DeliverySettled =>
  settled(tryOf(due), { state: DeliveryState.DEAD, reason: REASONS.exhausted, nowMs })

/** What has to follow a delivery that was settled: as `followOf`, a function of the records alone. */
export function letterOf(due: DeliveryDue, { state, settledAt }: DeliverySettled): DeadLetterRecord | undefined {
  if (state !== DeliveryState.DEAD) return undefined
  return create(DeadLetterRecordSchema, {
    reason: DeadLetterReason.EXHAUSTED,
    error: "requests to the endpoint failed for as long as the schedule lasts, so that this one was not made",
    ...(settledAt ? { deadAt: settledAt } : {}),
    // As it was last tried: this try was not made, and its number is the next round's.
    content: { case: "delivery", value: { ...due, attempt: due.attempt - 1 } },
  })
}

const tryOf = (due: DeliveryDue) => ({ delivery: factsOf(due), round: due.round, attempt: due.attempt })

function settled(
  { delivery, round, attempt }: Pick<CancelTry, "delivery" | "round" | "attempt">,
  { state, reason, nowMs }: { readonly state: DeliveryState; readonly reason: string; readonly nowMs: number },
): DeliverySettled {
  return create(DeliverySettledSchema, {
    ...(delivery ? { delivery } : {}),
    round,
    attemptCount: attempt - 1,
    state,
    reason,
    settledAt: timestampFromMs(nowMs),
  })
}

/** The same try, later, without having been made. */
export function decideDeferred(due: DeliveryDue, dueAtMs: number): DeliveryDue {
  return create(DeliveryDueSchema, { ...due, dueAt: timestampFromMs(dueAtMs), deferrals: due.deferrals + 1 })
}

/** Whether a delivery's schedule has run out, however few attempts were made. */
export function isExpired(due: DeliveryDue, policy: RetryPolicy | undefined, nowMs: number): boolean {
  const began = due.firstAttemptAt ?? due.roundBeganAt ?? due.event?.deliverAt ?? due.createdAt
  return began !== undefined && nowMs > timestampMs(began) + scheduleSpanMs(policy)
}

/** A share of one, always the same for the same text. */
function shareOf(text: string): number {
  let hash = 0x811c9dc5 // FNV-1a, 32 bits.
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return (hash >>> 0) / 2 ** 32
}
