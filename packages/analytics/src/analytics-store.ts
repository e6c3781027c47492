import type { AttemptRow, EventRow } from "@posthorn/core"

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

export interface AttemptTotals {
  /** Distinct attempts that ended in the span. */
  readonly attempts: number
  readonly delivered: number
  readonly failed: number
  /** Of all attempts, milliseconds; 0 without attempts. */
  readonly averageDurationMs: number
}

export interface RatePoint {
  /** Start of the hour, Unix milliseconds. */
  readonly startMs: number
  readonly delivered: number
  readonly failed: number
}

/** Answers how deliveries went over time. Lags behind the log by what is not yet inserted. All reject with `AnalyticsUnavailable`. */
export interface AnalyticsReader {
  totals(scope: Scope, span: Span): Promise<AttemptTotals>
  /** One point for every hour (UTC) that overlaps the span, oldest first, zeros included. The span may cover at most `ANALYTICS_POINTS_MAX` hours. */
  hourlyRates(scope: Scope, span: Span): Promise<readonly RatePoint[]>
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
