import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { Breaker, type AttemptSign, type BreakerStanding, type SubscriptionEntity } from "@posthorn/core"
import type { NewRecord } from "@posthorn/log"
import { BreakerState, ControlRecordSchema, ErrorClass, SubscriptionHealthSchema, type SubscriptionHealth } from "@posthorn/proto"
import type { AttemptMade } from "./attempt.ts"
import { throttledUntilMs } from "./lane-rules.ts"
import type { OperationalEvents } from "./operational-events.ts"
import type { Job } from "./outcomes.ts"

/** What an attempt says of its endpoint; nothing when it only asked for less, or when the fault is ours. */
function signOf({ verdict }: AttemptMade, times: { readonly startedAtMs: number; readonly endedAtMs: number }): AttemptSign | undefined {
  if (verdict.outcome === "delivered") return { ...times, succeeded: true }
  if (verdict.demand !== "none" || verdict.errorClass === ErrorClass.INTERNAL) return undefined
  return { ...times, succeeded: false }
}

/** @param reason what the endpoint did last */
function healthOf({ state, failures, sinceMs, nextProbeAtMs }: BreakerStanding, reason: string): SubscriptionHealth {
  const open = state === "open"
  return create(SubscriptionHealthSchema, {
    state: open ? BreakerState.OPEN : BreakerState.CLOSED,
    reason,
    since: timestampFromMs(sinceMs),
    ...(open ? { nextProbeAt: timestampFromMs(nextProbeAtMs) } : {}),
    consecutiveFailures: failures,
  })
}

/** What tells the next owner of a subscription how its breaker stands. */
function breakerRecord(subscriptionId: string, health: SubscriptionHealth): NewRecord {
  const value = toBinary(
    ControlRecordSchema,
    create(ControlRecordSchema, { record: { case: "breaker", value: { subscriptionId, health } } }),
  )
  return { topic: "control", key: subscriptionId, value }
}

/** What an attempt made of what is known of its endpoint. */
export interface EndpointNews {
  readonly standing: BreakerStanding
  /** Whether the breaker opened or closed. */
  readonly moved: "opened" | "closed" | undefined
  /** For the views; absent when they know it. */
  readonly health: SubscriptionHealth | undefined
  readonly reason: string
}

/** Takes in what an attempt says of its endpoint. */
export function newsOfEndpoint(
  { due, state }: Job,
  made: AttemptMade,
  times: { readonly startedAtMs: number; readonly endedAtMs: number },
): EndpointNews {
  const { subscriptionId } = due
  const sign = signOf(made, times)
  const breaker = state.breakers.get(subscriptionId) ?? new Breaker(times.endedAtMs)
  const knownAgainst = !breaker.idle
  const moved = sign === undefined ? undefined : breaker.saw(sign)
  if (breaker.idle) state.breakers.delete(subscriptionId)
  else state.breakers.set(subscriptionId, breaker)
  const { standing } = breaker
  const reason = made.attempt.error
  // A success of what had failed before clears what an owner before may have said.
  const isNews = sign?.succeeded === false || knownAgainst || (sign?.succeeded === true && due.attempt > 1)
  const untilMs = throttledUntilMs(made, times.endedAtMs)
  const health = isNews || untilMs !== undefined ? healthOf(standing, reason) : undefined
  if (health !== undefined && untilMs !== undefined) health.throttledUntil = timestampFromMs(untilMs)
  return { standing, moved, reason, health }
}

/** What has to be told of it, besides: to the next owner, and to the application. */
export function newsRecords(
  { moved, standing, reason }: EndpointNews,
  entity: SubscriptionEntity,
  operational: OperationalEvents,
): NewRecord[] {
  if (moved === undefined) return []
  const told = moved === "opened" ? operational.failing(entity, standing, reason) : operational.recovered(entity, standing)
  return [breakerRecord(entity.subscription.id, healthOf(standing, reason)), ...told]
}
