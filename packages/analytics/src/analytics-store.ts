import type { AttemptRow, ErrorClassWord, EventRow } from "@posthorn/core"

/** Rows that go in together. */
export interface AnalyticsBatch {
  readonly events: readonly EventRow[]
  readonly attempts: readonly AttemptRow[]
  /** Names these rows: the same rows come under the same token whenever they are inserted again (`topic/partition/first-last`). */
  readonly token: string
}

/** Takes facts in for analysis. */
export interface AnalyticsWriter {
  /**
   * Resolves once every row is stored. Rows of one identity count once in every read, however often and in whatever batches they come;
   * the one with the highest `log_offset` stays. At most `ANALYTICS_ROWS_MAX` rows of each kind.
   * Rejects with `AnalyticsUnavailable`; then any part may be stored, and the same batch must be inserted again until it resolves.
   * Not guaranteed: that events and attempts of one batch become visible at the same moment.
   */
  insert(batch: AnalyticsBatch): Promise<void>
}

export interface Span {
  /** Unix milliseconds, included. */
  readonly sinceMs: number
  /** Unix milliseconds, not included. */
  readonly untilMs: number
}

/** Whose facts are read: one application's, or those of the whole installation, which only the operator may see. */
export type Scope = { readonly applicationId: string } | "installation"

/** Which facts are looked at. */
export interface Question {
  readonly scope: Scope
  readonly span: Span
  /** One subscription's alone; absent = all. */
  readonly subscriptionId?: string
  /** Of this type alone; absent = all. */
  readonly eventType?: string
}

/** What can be said of attempts. Durations and times are milliseconds; percentiles of more than 8,192 values are estimates. */
export const ATTEMPT_METRICS = [
  "attempts",
  "delivered",
  "failed",
  "dead",
  "success_rate",
  "duration_average",
  "duration_p50",
  "duration_p95",
  "duration_p99",
  "time_to_deliver_average",
  "time_to_deliver_p50",
  "time_to_deliver_p95",
  "time_to_deliver_p99",
] as const
export type AttemptMetric = (typeof ATTEMPT_METRICS)[number]
export type Metric = AttemptMetric | "events"

/** Of attempts that ended in the span. `undefined` = nothing happened that it could be said of; counts are 0 then. */
export type Measured<Name extends Metric = AttemptMetric> = Readonly<Record<Name, number | undefined>>

export interface Totals {
  /** Events accepted in the span. Those of one subscription are what was ingested for it. */
  readonly events: number
  readonly measured: Measured
  /** Failed attempts by class, most frequent first; classes without any are left out. */
  readonly failures: readonly { readonly errorClass: ErrorClassWord; readonly failed: number }[]
}

export interface TimePoint<Name extends Metric = Metric> {
  /** Start of the step, Unix milliseconds: a multiple of its length. */
  readonly startMs: number
  readonly measured: Measured<Name>
}

/** What attempts are told apart by. `error_class` looks at failed ones alone; a `status_code` of 0 is no answer. */
export type Dimension = "subscription" | "event_type" | "error_class" | "status_code"

export interface TopRow {
  readonly key: string
  readonly measured: Measured
}

/**
 * Answers how deliveries went over time: of every event and attempt once, however often it was inserted. Lags behind the log by what is not
 * yet inserted. All reject with `AnalyticsUnavailable`.
 */
export interface AnalyticsReader {
  totals(question: Question): Promise<Totals>
  /**
   * One point for every step (multiples of `stepMs` since 1970) that overlaps the span, oldest first, those included in which nothing happened.
   * Of the first and the last step only what is in the span counts. At most `ANALYTICS_POINTS_MAX` steps. Not guaranteed: that `events`
   * and the others are of the same moment.
   */
  timeseries<Name extends Metric>(
    question: Question,
    wanted: { readonly stepMs: number; readonly metrics: readonly Name[] },
  ): Promise<readonly TimePoint<Name>[]>
  /** The highest first, but the lowest of `success_rate`; those of which the metric says nothing last. At most `ANALYTICS_TOP_MAX`. */
  top(
    question: Question,
    wanted: { readonly by: Dimension; readonly orderBy: AttemptMetric; readonly limit: number },
  ): Promise<readonly TopRow[]>
}

/** Analytics: a view of the log that can be thrown away and rebuilt. All adapters pass `analytics-conformance`. */
export interface AnalyticsStore extends AnalyticsWriter, AnalyticsReader {
  /** Resolves when the store answers; rejects with `AnalyticsUnavailable`. */
  ping(): Promise<void>
  /** Ends every connection. Inserts that are under way fail. */
  close(): Promise<void>
}

/** The store cannot be reached, is not ready yet, or did not do what it was asked. Trying again later is always safe. */
export class AnalyticsUnavailable extends Error {
  override readonly name = "AnalyticsUnavailable"
  readonly code = "analytics_unavailable"
  readonly retryable = true

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}
