import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import {
  BreakerState,
  DeliveryState,
  NextAttemptReason,
  NextAttemptSchema,
  type Delivery,
  type NextAttempt,
  type Subscription,
  type SubscriptionHealth,
} from "@posthorn/proto"
import { OVERDUE_MS } from "../limits.ts"
import { isWaiting } from "./control.ts"

/** What holds deliveries of a subscription back, as far as it is known. */
export interface Surroundings {
  /** As it is now; `undefined` = it is gone. */
  readonly subscription: Subscription | undefined
  /** `undefined` = nothing is known against its endpoint. */
  readonly health: SubscriptionHealth | undefined
  /** When somebody asked for the delivery's next attempt to be made at once, after the one before; `undefined` = nobody has. */
  readonly hastenedAt: Timestamp | undefined
  readonly nowMs: number
}

/** A reason and its words; without a time of its own it is the one that the delivery has. */
interface Because {
  readonly reason: NextAttemptReason
  readonly text: string
  readonly at?: Timestamp | "unknown"
}

/**
 * When a delivery's next attempt is due, and why then: what holds it back now, or else what decided about its time. Absent when it has
 * ended, or is about to because its subscription gets nothing any more.
 */
export function nextAttemptOf(delivery: Delivery, surroundings: Surroundings): NextAttempt | undefined {
  const { subscription } = surroundings
  if (!isWaiting(delivery) || subscription === undefined || subscription.enabled === false) return undefined
  const { reason, text, at } = heldBack(delivery, subscription, surroundings) ?? planned(delivery)
  const time = at === "unknown" ? undefined : (at ?? delivery.nextAttemptAt)
  const retryNumber = delivery.nextAttempt?.retryNumber ?? 0
  return create(NextAttemptSchema, { reason, text, retryNumber, ...(time ? { at: time } : {}) })
}

function heldBack(delivery: Delivery, subscription: Subscription, { health, hastenedAt, nowMs }: Surroundings): Because | undefined {
  const dueMs = msOf(delivery.nextAttemptAt)
  if (subscription.paused)
    return { reason: NextAttemptReason.PAUSED, text: "Its subscription is paused: it is made when that is resumed.", at: "unknown" }
  if (hastenedAt !== undefined)
    return { reason: NextAttemptReason.HASTENED, text: "Somebody asked for it to be made at once.", at: hastenedAt }
  if (health?.state === BreakerState.OPEN && health.nextProbeAt && timestampMs(health.nextProbeAt) > dueMs)
    return { reason: NextAttemptReason.BREAKER_OPEN, text: breakerText(health), at: health.nextProbeAt }
  const throttledMs = msOf(health?.throttledUntil)
  if (throttledMs > nowMs && throttledMs > dueMs)
    return { reason: NextAttemptReason.THROTTLED, text: throttledText(health), at: timestampFromMs(throttledMs) }
  return nowMs - dueMs > OVERDUE_MS ? { reason: NextAttemptReason.BACKLOG, text: backlogText(subscription) } : undefined
}

const breakerText = ({ reason, consecutiveFailures }: SubscriptionHealth): string =>
  `The endpoint has failed ${consecutiveFailures} times in a row${said(reason)}, so its deliveries wait until one request, at this time, shows that it works.`

const throttledText = (health: SubscriptionHealth | undefined): string =>
  `The endpoint asked for fewer requests${said(health?.reason ?? "")} and gets none until then.`

function backlogText({ rateLimit, concurrency }: Subscription): string {
  const limits = [
    ...(rateLimit ? [`${rateLimit.count} attempts in ${rateLimit.periodSeconds} s`] : []),
    ...(concurrency > 0 ? [`${concurrency} attempts at the same time`] : []),
  ]
  const bound = limits.length === 0 ? "its endpoint answers more slowly than deliveries come" : `it may have ${limits.join(" and ")}`
  return `It is due, and waits behind other deliveries of its subscription: ${bound}.`
}

/** What decided about the time, when it was decided. */
function planned(delivery: Delivery): Because {
  const { state, round, nextAttempt, lastError } = delivery
  if (state === DeliveryState.RETRYING) {
    const retry = `Retry ${nextAttempt?.retryNumber || delivery.attemptCount}`
    const last = lastError === "" ? "" : ` The last attempt: ${lastError}.`
    return nextAttempt?.reason === NextAttemptReason.RETRY_AFTER
      ? { reason: NextAttemptReason.RETRY_AFTER, text: `${retry}, at the time that the endpoint asked for by Retry-After.${last}` }
      : { reason: NextAttemptReason.SCHEDULE, text: `${retry} of its subscription's schedule.${last}` }
  }
  if (round > 1) return { reason: NextAttemptReason.NEW_ROUND, text: `Round ${round}: it is sent again after it had ended.` }
  if (nextAttempt?.reason === NextAttemptReason.NEW_ROUND)
    return { reason: NextAttemptReason.NEW_ROUND, text: "A replay sends it to a subscription that never had it." }
  return msOf(delivery.nextAttemptAt) > msOf(delivery.createdAt)
    ? { reason: NextAttemptReason.DELIVER_AT, text: "The first attempt, at the time that its event is to be delivered." }
    : { reason: NextAttemptReason.FIRST, text: "The first attempt, as soon as its event was accepted." }
}

const said = (reason: string): string => (reason === "" ? "" : ` (${reason})`)

const msOf = (time: Timestamp | undefined): number => (time === undefined ? 0 : timestampMs(time))
