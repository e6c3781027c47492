import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  BreakerState,
  DeliverySchema,
  DeliveryState,
  NextAttemptReason,
  SubscriptionHealthSchema,
  SubscriptionSchema,
  type Delivery,
} from "@posthorn/proto"
import { expect, test } from "vitest"
import { nextAttemptOf, type Surroundings } from "./next-attempt.ts"

const NOW_MS = 1_000_000
const at = timestampFromMs
const subscription = create(SubscriptionSchema, { id: "sub_1", enabled: true })
const waiting = (more: object = {}): Delivery =>
  create(DeliverySchema, {
    state: DeliveryState.RETRYING,
    round: 1,
    attemptCount: 2,
    createdAt: at(NOW_MS - 90_000),
    nextAttemptAt: at(NOW_MS + 10_000),
    lastError: "answered 503",
    nextAttempt: { reason: NextAttemptReason.SCHEDULE, retryNumber: 2 },
    ...more,
  })
const wordOf = (reason: NextAttemptReason) => Object.entries(NextAttemptReason).find(([, value]) => value === reason)?.[0]
const told = (delivery: Delivery, more: Partial<Surroundings> = {}) => {
  const next = nextAttemptOf(delivery, { subscription, health: undefined, hastenedAt: undefined, nowMs: NOW_MS, ...more })
  return next && [wordOf(next.reason), next.at && timestampMs(next.at) - NOW_MS]
}
const health = (more: object) => create(SubscriptionHealthSchema, { reason: "answered 500", consecutiveFailures: 12, ...more })
const first = { state: DeliveryState.SCHEDULED, attemptCount: 0, lastError: "", nextAttempt: undefined }

test("what decided about the time of an attempt is its reason while nothing holds it back", () => {
  expect(told(waiting())).toEqual(["SCHEDULE", 10_000])
  expect(told(waiting({ nextAttempt: { reason: NextAttemptReason.RETRY_AFTER, retryNumber: 2 } }))).toEqual(["RETRY_AFTER", 10_000])
  expect(told(waiting({ ...first, createdAt: at(NOW_MS), nextAttemptAt: at(NOW_MS) }))).toEqual(["FIRST", 0])
  expect(told(waiting(first))).toEqual(["DELIVER_AT", 10_000])
  expect(told(waiting({ ...first, attemptCount: 3, round: 2 }))).toEqual(["NEW_ROUND", 10_000])
  expect(told(waiting({ ...first, nextAttempt: { reason: NextAttemptReason.NEW_ROUND } }))).toEqual(["NEW_ROUND", 10_000])
  // Written before anybody said why.
  expect(told(waiting({ nextAttempt: undefined }))).toEqual(["SCHEDULE", 10_000])
})

test("what holds an attempt back is its reason, with the time until which it does", () => {
  const open = health({ state: BreakerState.OPEN, nextProbeAt: at(NOW_MS + 30_000) })
  expect(told(waiting(), { health: open })).toEqual(["BREAKER_OPEN", 30_000])
  expect(told(waiting({ nextAttemptAt: at(NOW_MS + 60_000) }), { health: open })).toEqual(["SCHEDULE", 60_000])
  expect(told(waiting(), { health: health({ throttledUntil: at(NOW_MS + 20_000) }) })).toEqual(["THROTTLED", 20_000])
  expect(told(waiting({ nextAttemptAt: at(NOW_MS) }), { health: health({ throttledUntil: at(NOW_MS - 1) }) })).toEqual(["SCHEDULE", 0])
  expect(told(waiting({ nextAttemptAt: at(NOW_MS - 60_000) }))).toEqual(["BACKLOG", -60_000])
  expect(told(waiting(), { hastenedAt: at(NOW_MS - 1000), health: open })).toEqual(["HASTENED", -1000])
  const paused = create(SubscriptionSchema, { ...subscription, paused: true })
  expect(told(waiting(), { subscription: paused, health: open, hastenedAt: at(NOW_MS) })).toEqual(["PAUSED", undefined])
})

test("a delivery that has ended has no next attempt, nor has one whose subscription gets nothing any more", () => {
  for (const state of [DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED])
    expect(told(waiting({ state }))).toBeUndefined()
  expect(told(waiting(), { subscription: undefined })).toBeUndefined()
  expect(told(waiting(), { subscription: create(SubscriptionSchema, { enabled: false }) })).toBeUndefined()
})

test("the words say which retry it is, what came before, and what the limits are", () => {
  const text = (delivery: Delivery, more: Partial<Surroundings> = {}) =>
    nextAttemptOf(delivery, { subscription, health: undefined, hastenedAt: undefined, nowMs: NOW_MS, ...more })?.text
  expect(text(waiting())).toBe("Retry 2 of its subscription's schedule. The last attempt: answered 503.")
  const limited = create(SubscriptionSchema, { enabled: true, concurrency: 2, rateLimit: { count: 10, periodSeconds: 60 } })
  expect(text(waiting({ nextAttemptAt: at(0) }), { subscription: limited })).toContain(
    "10 attempts in 60 s and 2 attempts at the same time",
  )
})
