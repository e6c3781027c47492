import { EVENT_TOPICS, REASONS, type Topic } from "@posthorn/core"
import { LATENCY_BUCKETS_SECONDS, type Logger, type Metrics } from "@posthorn/runtime"

/** The only fields of this service's log lines. */
export const LOG_FIELDS = [
  "topic",
  "partition",
  "offset",
  "group",
  "deliveryId",
  "subscriptionId",
  "applicationId",
  "attempt",
  "outcome",
  "statusCode",
  "durationMs",
  "reason",
  "state",
  "count",
  "byMs",
] as const
type Log = Logger<(typeof LOG_FIELDS)[number]>

const OUTCOMES = ["delivered", "status", "timeout", "dns", "connect", "tls", "refused", "protocol", "internal"] as const
export type AttemptOutcome = (typeof OUTCOMES)[number]
const GROUPS = ["router", "delivery", "retry"] as const

/** What becomes of tries before and beside their attempts. */
function flowEvents(log: Log, metrics: Metrics) {
  const routed = metrics.counter({ name: "posthorn_router_events_total", help: "Events matched with subscriptions." })
  const matched = metrics.counter({ name: "posthorn_router_deliveries_total", help: "Deliveries created." })
  const deferred = metrics.counter({
    name: "posthorn_deliveries_deferred_total",
    help: "Tries put off without an attempt, because their lane could not keep up.",
  })
  const repeated = metrics.counter({
    name: "posthorn_deliveries_repeated_total",
    help: "Copies of tries that were recognised and not made again.",
  })
  const released = metrics.counter({
    name: "posthorn_deliveries_released_total",
    help: "Tries of the backlog of paused subscriptions that went on their way again.",
  })
  return {
    eventRouted(deliveries: number): void {
      routed.add(1)
      matched.add(deliveries)
    },
    triesDeferred(count: number): void {
      deferred.add(count)
      log.debug("tries deferred", { count })
    },
    tryRepeated(): void {
      repeated.add(1)
    },
    triesReleased(count: number): void {
      released.add(count)
    },
  }
}

/** What attempts come to, and what they say of endpoints. */
function attemptEvents(log: Log, metrics: Metrics) {
  const attempts = metrics.counter({
    name: "posthorn_delivery_attempts_total",
    help: "Attempts that ended, by outcome.",
    labels: { outcome: OUTCOMES },
  })
  const latency = metrics.histogram({
    name: "posthorn_delivery_latency_seconds",
    help: "From due to the end of the attempt.",
    buckets: LATENCY_BUCKETS_SECONDS,
  })
  const duration = metrics.histogram({
    name: "posthorn_attempt_duration_seconds",
    help: "How long attempts took.",
    buckets: LATENCY_BUCKETS_SECONDS,
  })
  const breakers = metrics.counter({
    name: "posthorn_breaker_transitions_total",
    help: "Breakers of subscriptions that opened and closed.",
    labels: { state: ["open", "closed"] },
  })
  return {
    attemptEnded(facts: {
      deliveryId: string
      subscriptionId: string
      attempt: number
      outcome: AttemptOutcome
      statusCode: number
      durationMs: number
      latencyMs: number
    }): void {
      const { latencyMs, ...fields } = facts
      attempts.add(1, { outcome: facts.outcome })
      latency.observe(latencyMs / 1000)
      duration.observe(facts.durationMs / 1000)
      log.debug("attempt ended", fields)
    },
    breakerMoved(facts: { subscriptionId: string; state: "open" | "closed"; reason: string }): void {
      breakers.add(1, { state: facts.state })
      log.info("breaker moved", facts)
    },
    subscriptionDisabled(subscriptionId: string, reason: string): void {
      log.info("subscription disabled", { subscriptionId, reason })
    },
    subscriptionNotDisabled(subscriptionId: string, error: unknown): void {
      log.warn("subscription could not be disabled; the next 410 tries again", { subscriptionId, error })
    },
    secretUnreadable(subscriptionId: string, error: unknown): void {
      log.error("the secret of a subscription cannot be read; its attempts fail", { subscriptionId, error })
    },
  }
}

/** How deliveries end without being delivered. */
function endEvents(log: Log, metrics: Metrics) {
  const cancelled = metrics.counter({
    name: "posthorn_deliveries_cancelled_total",
    help: "Deliveries that ended because their subscription may not be sent to, or because somebody wanted it.",
  })
  const dead = metrics.counter({
    name: "posthorn_dead_letters_total",
    help: "Dead letters written, by reason.",
    labels: { reason: ["retries_exhausted", "endpoint_gone", "poison"] },
  })
  return {
    /** It is dead or cancelled. */
    deliveryEnded(facts: { deliveryId: string; subscriptionId: string; reason: string }): void {
      const { reason } = facts
      if (reason === REASONS.exhausted || reason === REASONS.gone) dead.add(1, { reason })
      else cancelled.add(1)
      log.debug("delivery ended", facts)
    },
    poisonFound(at: { topic: Topic; partition: number; offset: number }): void {
      dead.add(1, { reason: "poison" })
      log.warn("record could not be decoded; it is in dead-letters", at)
    },
  }
}

/** How far behind the groups are, and what time it is. */
function upkeepEvents(log: Log, metrics: Metrics) {
  const backlog = metrics.gauge({
    name: "posthorn_retry_due_backlog",
    help: "Records waiting in a retry tier.",
    labels: { tier: ["retry.5s", "retry.1m", "retry.5m", "retry.15m", "retry.1h"] },
  })
  const lag = metrics.gauge({
    name: "posthorn_log_lag_records",
    help: "Records that a group has not finished.",
    labels: {
      group: GROUPS,
      topic: [
        ...EVENT_TOPICS,
        "deliveries",
        "deliveries.bulk",
        "control",
        "parked",
        "retry.5s",
        "retry.1m",
        "retry.5m",
        "retry.15m",
        "retry.1h",
      ],
    },
  })
  const clockOffset = metrics.gauge({
    name: "posthorn_clock_offset_seconds",
    help: "How far the system's clock has jumped away from the one that due times go by, which goes on without it until restart.",
  })
  clockOffset.set(0)
  return {
    lagSeen(group: string, topic: Topic, records: number): void {
      lag.set(records, { group: group as (typeof GROUPS)[number], topic: topic as "events" })
      if (topic.startsWith("retry.")) backlog.set(records, { tier: topic as "retry.5s" })
    },
    clockJumped({ byMs, offsetMs }: { readonly byMs: number; readonly offsetMs: number }): void {
      clockOffset.set(offsetMs / 1000)
      log.warn("the system's clock was moved; due times go on by the steady clock until restart", { byMs })
    },
  }
}

/** What happens between the service and the log. */
function logEvents(log: Log) {
  return {
    configUndecodable(offset: number, error: unknown): void {
      log.error("record of config could not be decoded; it is passed over", { offset, error })
    },
    takenOver(partition: number, count: number): void {
      if (count > 0) log.info("partition taken over; its last tries are known", { partition, count })
    },
    appendFailed(error: unknown): void {
      log.warn("log did not acknowledge; trying again", { error })
    },
    memberFailed(group: string, error: unknown): void {
      log.error("group member failed", { group, error })
    },
    logFault(error: unknown): void {
      log.warn("log reports a fault", { error })
    },
    started(): void {
      log.info("delivery started")
    },
    upkeepFailed(error: unknown): void {
      log.warn("reading lag or trimming tiers failed", { error })
    },
  }
}

/** Every log line and metric of the delivery service. */
export function deliveryEvents(log: Log, metrics: Metrics) {
  return {
    ...logEvents(log),
    ...flowEvents(log, metrics),
    ...attemptEvents(log, metrics),
    ...endEvents(log, metrics),
    ...upkeepEvents(log, metrics),
  }
}

export type DeliveryEvents = ReturnType<typeof deliveryEvents>
