import { create } from "@bufbuild/protobuf"
import type { AttemptMetric, Dimension as DimensionWord, Measured, Metric as MetricWord } from "@posthorn/analytics"
import { AttemptStatsSchema, Dimension, Metric, type AttemptStats } from "@posthorn/proto"

/** Metrics of attempts by what the contract calls them. */
export const ATTEMPT_METRIC_WORDS: Readonly<Partial<Record<Metric, AttemptMetric>>> = {
  [Metric.ATTEMPTS]: "attempts",
  [Metric.DELIVERED]: "delivered",
  [Metric.FAILED]: "failed",
  [Metric.DEAD]: "dead",
  [Metric.SUCCESS_RATE]: "success_rate",
  [Metric.DURATION_AVERAGE]: "duration_average",
  [Metric.DURATION_P50]: "duration_p50",
  [Metric.DURATION_P95]: "duration_p95",
  [Metric.DURATION_P99]: "duration_p99",
  [Metric.TIME_TO_DELIVER_AVERAGE]: "time_to_deliver_average",
  [Metric.TIME_TO_DELIVER_P50]: "time_to_deliver_p50",
  [Metric.TIME_TO_DELIVER_P95]: "time_to_deliver_p95",
  [Metric.TIME_TO_DELIVER_P99]: "time_to_deliver_p99",
}

/** The same with those that are not of attempts. */
export const METRIC_WORDS: Readonly<Partial<Record<Metric, MetricWord>>> = { ...ATTEMPT_METRIC_WORDS, [Metric.EVENTS]: "events" }

export const DIMENSION_WORDS: Readonly<Partial<Record<Dimension, DimensionWord>>> = {
  [Dimension.SUBSCRIPTION]: "subscription",
  [Dimension.EVENT_TYPE]: "event_type",
  [Dimension.ERROR_CLASS]: "error_class",
  [Dimension.STATUS_CODE]: "status_code",
}

/** What is said of attempts as the contract has it: nothing of durations where there was none. */
export function attemptStats(measured: Measured): AttemptStats {
  const { attempts = 0, delivered = 0, failed = 0, dead = 0, success_rate: successRate } = measured
  const durationMs = distribution(measured, "duration")
  const timeToDeliverMs = distribution(measured, "time_to_deliver")
  return create(AttemptStatsSchema, {
    total: attempts,
    delivered,
    failed,
    dead,
    ...(successRate === undefined ? {} : { successRate }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(timeToDeliverMs === undefined ? {} : { timeToDeliverMs }),
  })
}

function distribution(measured: Measured, of: "duration" | "time_to_deliver") {
  const average = measured[`${of}_average`]
  if (average === undefined) return undefined
  return { average, p50: measured[`${of}_p50`] ?? 0, p95: measured[`${of}_p95`] ?? 0, p99: measured[`${of}_p99`] ?? 0 }
}
