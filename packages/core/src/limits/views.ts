/** Bounds of the views and their stores. */

import { HOUR_MS, KIB, MIB, SECOND_MS } from "./units.ts"

// The views.

/** From one projection transaction to the next while there is work: how far the status views may lag behind for the sake of fuller ones. */
export const PROJECT_INTERVAL_MS = 40
/** Records of one projection transaction. */
export const PROJECT_RECORDS_MAX = 5000
/** Rows of one ClickHouse insert. */
export const ANALYTICS_ROWS_MAX = 10_000
/** How long rows may wait for a fuller ClickHouse insert. */
export const ANALYTICS_LINGER_MS = 1 * SECOND_MS
/** Time for one request to ClickHouse; then it counts as failed and is made again. */
export const ANALYTICS_TIMEOUT_MS = 30 * SECOND_MS
/** Points of one timeseries: a quarter of a year by the hour. */
export const ANALYTICS_POINTS_MAX = 92 * 24
/** Length of a span that is asked for: a year of days. */
export const ANALYTICS_SPAN_MS_MAX = 366 * 24 * HOUR_MS
/** Step of a timeseries when none is asked for: a day has 24 of them. */
export const ANALYTICS_STEP_SECONDS_DEFAULT = 3600
/** Rows of a list of what comes first. */
export const ANALYTICS_TOP_MAX = 100
/** The same when no number is asked for. */
export const ANALYTICS_TOP_DEFAULT = 10
/** How long it may take to learn how far analytics is behind; then an answer goes without it. */
export const ANALYTICS_LAG_READ_MS = 1 * SECOND_MS
/** How long that is good for: asking costs the log more than the answer changes. */
export const ANALYTICS_LAG_AGE_MS = 1 * SECOND_MS
/** Bytes of one request to the embedded engine: an insert of `ANALYTICS_ROWS_MAX` rows is about 5 MiB. */
export const ENGINE_REQUEST_BYTES_MAX = 16 * MIB
/** Connections to the embedded engine at the same time. */
export const ENGINE_CONNECTIONS_MAX = 32
/** Memory that queries in the embedded engine may use together: it shares a small machine with everything else. */
export const ENGINE_MEMORY_BYTES_MAX = 1024 * MIB
/** First wait before the embedded engine is started again; doubles up to `ENGINE_RESTART_MS_MAX`. */
export const ENGINE_RESTART_MS = 200
/** Longest wait before the embedded engine is started again. */
export const ENGINE_RESTART_MS_MAX = 10 * SECOND_MS
/** Bytes of values of one projection transaction: what it holds in memory is about three times that. */
export const PROJECT_BYTES_MAX = 8 * MIB
/** First wait before a batch that a store could not take is tried again; doubles up to `PROJECT_RETRY_MS_MAX`. */
export const PROJECT_RETRY_MS = 100
/** Longest wait before a batch that a store could not take is tried again. */
export const PROJECT_RETRY_MS_MAX = 5 * SECOND_MS
/** Characters of an id or a name in a record that is projected: what is longer is none of ours, and would not fit into an index. */
export const PROJECT_NAME_LENGTH_MAX = 300
/** How often a projector looks for rows that have become too old. */
export const STORE_RETENTION_INTERVAL_MS = 10 * 60 * SECOND_MS

// The status store.

/** Deliveries shown with one event. */
export const EVENT_DELIVERIES_MAX = 1000
/** Connections of one process to the status store. */
export const STORE_CONNECTIONS_MAX = 8
/** Time to get a connection to the status store. */
export const STORE_CONNECT_TIMEOUT_MS = 3 * SECOND_MS
/** Time for one statement; a projection of full batches on a busy disk needs seconds. */
export const STORE_STATEMENT_TIMEOUT_MS = 20 * SECOND_MS
/** Time to wait for a lock, so that making and dropping a day's tables never holds others up for long. */
export const STORE_LOCK_TIMEOUT_MS = 3 * SECOND_MS
/** How long a name that one process held alone may stay held after it was last heard of. */
export const STORE_HOLD_MS = 10 * SECOND_MS
/** Idempotency claims of one statement. */
export const CLAIMS_BATCH_MAX = 500
/** Idempotency claims waiting for their turn; further ones are refused at once. */
export const CLAIMS_WAITING_MAX = 10_000
/** Rows that one statement of housekeeping deletes: it holds locks and disk for a moment only. */
export const RETENTION_ROWS_MAX = 5000
/** Statements of housekeeping in a row; the rest waits for the next round. */
export const RETENTION_STATEMENTS_MAX = 200
/** Records of one partition that a log in Postgres keeps in memory for readers of the same process; twice as many at times. */
export const RECENT_RECORDS_MAX = 200
/** Bytes of the same. */
export const RECENT_BYTES_MAX = 512 * KIB
