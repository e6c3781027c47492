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
/** How often a projector looks whether every accepted event is accounted for. */
export const CONSERVATION_INTERVAL_MS = 60 * SECOND_MS
/** How long an hour must have been over, and an attempt overdue, before it is looked at: nearly all of it has been seen to by then. */
export const CONSERVATION_GRACE_MS = 60 * SECOND_MS
/** How long a check waits for the views to hold what the log held when it began; then it is left to the next. */
export const CONSERVATION_WAIT_MS = 20 * SECOND_MS
/** Hours of which one check reads every event; the rest is left to the next. */
export const CONSERVATION_HOURS_MAX = 48
/** How far back hours are looked at that were not before, and how long what was found is kept. */
export const CONSERVATION_KEPT_MS = 31 * 24 * HOUR_MS
/** Overdue deliveries that one check searches the log for; the rest is left to the next. */
export const CONSERVATION_SUSPECTS_MAX = 1000
/** Records that one check reads in its search. */
export const CONSERVATION_SEARCH_RECORDS_MAX = 200_000
/** Findings of a kind in an hour; further ones are counted. */
export const CONSERVATION_FINDINGS_MAX = 200
/** Findings, and late deliveries, shown with an hour of an application. */
export const CONSERVATION_SHOWN_MAX = 100

// The status store.

/** Deliveries shown with one event. */
export const EVENT_DELIVERIES_MAX = 1000
/** Deliveries of them that are shown with their last attempts. */
export const STORY_DELIVERIES_MAX = 50
/** Last attempts of each of those. */
export const STORY_ATTEMPTS_MAX = 5
/** Characters of an answer that is shown with one of those; single deliveries show all that is kept. */
export const STORY_BODY_LENGTH_MAX = 1 * KIB
/** Subscriptions of which it is looked up what they were when an event was routed: what one of them says may be as long as the audit log keeps. */
export const HISTORY_SUBSCRIPTIONS_MAX = 200
/** Changes of one subscription after that which are looked at. */
export const HISTORY_CHANGES_MAX = 4
/** How long after it was due a delivery is said to wait behind others: so long may an attempt under way, and the view, take in any case. */
export const OVERDUE_MS = 5 * SECOND_MS
/** How far the clocks of two processes are taken to be apart at most, where times are all that orders what they did. */
export const CLOCKS_APART_MS = 60 * SECOND_MS
/** Deliveries counted of one state. */
export const STATE_COUNT_MAX = 10_000
/** Events that a sender's own name of them is looked up as. */
export const SEARCH_EVENTS_MAX = 100
/** Connections of one process to the status store. */
export const STORE_CONNECTIONS_MAX = 8
/** Time to get a connection to the status store. */
export const STORE_CONNECT_TIMEOUT_MS = 3 * SECOND_MS
/** Time for one statement; a projection of full batches on a busy disk needs seconds. */
export const STORE_STATEMENT_TIMEOUT_MS = 20 * SECOND_MS
/** Time for one step of a schema's way to a newer version: it may write indexes of full days anew. */
export const STORE_MIGRATION_MS_MAX = 1 * HOUR_MS
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
/**
 * Statements of housekeeping in a row; the rest waits for the next round, every `STORE_RETENTION_INTERVAL_MS`: 5000 rows a second of each kind for as
 * long as it takes, more than any gateway has been seen to claim.
 */
export const RETENTION_STATEMENTS_MAX = 600
/**
 * Hours for which an application may have its events kept. Each has tables of its own for every day on which it is used; what is asked for is
 * rounded up, never to more than twice as long. Records carry what was chosen.
 */
export const RETENTION_CLASSES_HOURS: readonly number[] = [24, 48, 72, 120, 168, 240, 336, 504, 720, 1080, 1440, 2160, 4320, 8760]
/** The longest that anything can be kept: a year. */
export const RETENTION_HOURS_MAX = 8760
/**
 * Deliveries on their way that are carried over when a day is let go; with more of them the day stays whole. Carrying that many over takes a second
 * or two, and what has changed meanwhile some tens of milliseconds under lock.
 */
export const RETENTION_HELD_MAX = 10_000
/**
 * How long after its time a delivery that is still on its way keeps its rows. The log forgets what waits after a month at most, so what is older stands
 * there by mistake, and would for ever.
 */
export const RETENTION_HELD_MS_MAX = 100 * 24 * HOUR_MS
/** How long housekeeping waits for the lock on tables that it lets go. Whoever else wants them waits behind it. */
export const RETENTION_LOCK_MS = 200
/** Records of one partition that a log in Postgres keeps in memory for readers of the same process; twice as many at times. */
export const RECENT_RECORDS_MAX = 200
/** Bytes of the same. */
export const RECENT_BYTES_MAX = 512 * KIB

// Making a view anew.

/** Records of one transaction, or insert, that makes a view anew: larger ones gain nothing. */
export const REBUILD_RECORDS_MAX = 10_000
/** The same of analytics, where an insert costs more than its rows, and half of all records make none. */
export const REBUILD_ANALYTICS_RECORDS_MAX = 2 * ANALYTICS_ROWS_MAX
/** Bytes of values of either. */
export const REBUILD_BYTES_MAX = 16 * MIB
/** Partitions that are read at the same time: one is decoded while the store takes another. */
export const REBUILD_LANES = 3
/** Records that may be left to read while nobody else can project: about a second. */
export const REBUILD_REST_MAX = 5000
/** Time for one statement that compares or copies a whole table. */
export const REBUILD_STATEMENT_MS = 6 * HOUR_MS
/** By how much the clocks of those who make records and that of the log may differ. */
export const REBUILD_CLOCKS_MS = 5 * 60 * SECOND_MS
/** How long `verify` waits for views that are behind the log. */
export const VERIFY_WAIT_MS = 60 * SECOND_MS
