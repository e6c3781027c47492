/** Every bound in Posthorn, with its unit and reason. Nothing that queues, caches, batches, reads or waits is without one. */

const KIB = 1024
const MIB = 1024 * KIB
const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS

// What comes in.

/** Bytes of a payload. Standard Webhooks advises under 20 KB; 256 KiB leaves room for what GitHub really sends. Larger is 413. */
export const PAYLOAD_BYTES_MAX = 256 * KIB
/** Bytes of a request body: a batch of payloads with their wrapping. */
export const REQUEST_BYTES_MAX = 4 * MIB
/** Bytes of request headers. */
export const REQUEST_HEADERS_BYTES_MAX = 16 * KIB
/** Time to receive the headers of a request. Node's own default, 60 s, lets idle senders hold sockets. */
export const REQUEST_HEADERS_TIMEOUT_MS = 10 * SECOND_MS
/** Time to receive a whole request. */
export const REQUEST_TIMEOUT_MS = 30 * SECOND_MS
/** Open connections of one gateway; each costs about 20 KiB. */
export const CONNECTIONS_MAX = 10_000
/** Nesting of JSON in a request: deeper has no use and costs stack. */
export const JSON_DEPTH_MAX = 64
/** Events of one batch. */
export const BATCH_EVENTS_MAX = 1000
/** Characters of an event type. */
export const EVENT_TYPE_LENGTH_MAX = 128
/** Characters of a caller's event id or idempotency key. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 200
/** Entries of an event's metadata. */
export const METADATA_ENTRIES_MAX = 50
/** Characters of a metadata name. */
export const METADATA_NAME_LENGTH_MAX = 100
/** Characters of a metadata value. */
export const METADATA_VALUE_LENGTH_MAX = 1000
/** How far ahead an event may be scheduled: the `parked` and retry topics are kept longer than this can go round. */
export const DELIVER_AHEAD_MS_MAX = 30 * 24 * HOUR_MS
/** How long an idempotency key is remembered. */
export const IDEMPOTENCY_WINDOW_MS = 24 * HOUR_MS
/** Subscriptions that one event may go to. */
export const FAN_OUT_MAX = 1000
/** Entries of a list page. */
export const PAGE_SIZE_MAX = 200
/** Entries of a list page when none is asked for. */
export const PAGE_SIZE_DEFAULT = 50
/** How long a revoked key may still pass: the config topic reaches every gateway long before. */
export const KEY_CACHE_MS = 5 * SECOND_MS
/** Verified tokens remembered by one gateway. */
export const KEY_CACHE_ENTRIES_MAX = 10_000

// The log.

/** Records of one append: larger batches gain nothing and hold others up. */
export const APPEND_RECORDS_MAX = 1000
/** Bytes of one append: below Kafka's default request limit with room to spare. */
export const APPEND_BYTES_MAX = 4 * MIB
/** Bytes waiting in one appender; above it callers are refused at once (503) rather than queued without end. */
export const APPEND_WAITING_BYTES_MAX = 64 * MIB
/** How long an append may take before its caller is told that the outcome is unknown. */
export const APPEND_TIMEOUT_MS = 30 * SECOND_MS
/** Bytes of one record: a payload with metadata and wrapping. */
export const RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX + 128 * KIB
/** Records of a partition handed over and not finished; then the reader is held back. */
export const WINDOW_RECORDS_MAX = 1000
/** Bytes of the same. */
export const WINDOW_BYTES_MAX = 8 * MIB
/** Records from a partition's oldest unfinished one to the newest handed over, finished ones included: what a crash can repeat. At most `FINISHED_TRIES_MAX`. */
export const WINDOW_SPAN_MAX = 10_000
/** How often finished offsets are committed. */
export const COMMIT_INTERVAL_MS = 200
/** A group member that is silent for this long loses its partitions. */
export const SESSION_TIMEOUT_MS = 6 * SECOND_MS
/** How often a member says that it is alive. */
export const HEARTBEAT_INTERVAL_MS = 1 * SECOND_MS
/** How long a partition that is given up may take to finish what is in flight. */
export const REVOKE_DRAIN_MS = 5 * SECOND_MS
/** How long a process may take to finish what is in flight after SIGTERM. */
export const DRAIN_MS = 20 * SECOND_MS

// What goes out.

/** Deadline of a whole attempt when the subscription names none; Standard Webhooks recommends 15 to 30 s. */
export const ATTEMPT_TIMEOUT_MS_DEFAULT = 15 * SECOND_MS
/** Attempts of one subscription at the same time when it names no number. */
export const LANE_CONCURRENCY_DEFAULT = 8
/** Attempts of one process at the same time: sockets and bodies of 128 attempts stay within a 512 MB worker. */
export const ATTEMPTS_IN_FLIGHT_MAX = 128
/** Records waiting in one lane before further ones are put off to a retry tier. */
export const LANE_RECORDS_MAX = 200
/** Age of a lane's oldest record before the lane is put off, so that the partition's offset moves on. */
export const LANE_AGE_MS_MAX = 30 * SECOND_MS
/** How long a put-off record waits. */
export const DEFER_MS = 5 * SECOND_MS
/** Longest `Retry-After` that is honoured. */
export const RETRY_AFTER_MS_MAX = 24 * HOUR_MS
/** The default schedule ends this long after the first attempt. */
export const RETRY_SPAN_MS = 72 * HOUR_MS
/** Response headers read. */
export const RESPONSE_HEADERS_BYTES_MAX = 16 * KIB
/** Response body bytes read before the connection is closed. */
export const RESPONSE_BODY_READ_BYTES_MAX = 64 * KIB
/** Response body bytes kept with the attempt. */
export const RESPONSE_BODY_KEPT_BYTES_MAX = 16 * KIB
/** Characters of a subscription's URL. */
export const URL_LENGTH_MAX = 2048
/** Connections to one endpoint. */
export const ENDPOINT_CONNECTIONS_MAX = 64
/** Endpoints with open connections in one process. */
export const ENDPOINT_POOLS_MAX = 1000
/** Addresses that one name may resolve to. */
export const ADDRESSES_MAX = 16
/** Time to resolve a name. */
export const RESOLVE_TIMEOUT_MS = 5 * SECOND_MS
/** Tries (delivery, round, attempt) of a partition remembered after they finished, to recognise copies. */
export const FINISHED_TRIES_MAX = 20_000

// The views.

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
/** Bytes of one request to the embedded engine: an insert of `ANALYTICS_ROWS_MAX` rows is about 5 MiB. */
export const ENGINE_REQUEST_BYTES_MAX = 64 * MIB
/** Connections to the embedded engine at the same time. */
export const ENGINE_CONNECTIONS_MAX = 64
/** Memory that queries in the embedded engine may use together: it shares a small machine with everything else. */
export const ENGINE_MEMORY_BYTES_MAX = 1024 * MIB
/** First wait before the embedded engine is started again; doubles up to `ENGINE_RESTART_MS_MAX`. */
export const ENGINE_RESTART_MS = 200
export const ENGINE_RESTART_MS_MAX = 10 * SECOND_MS
/** How long the embedded engine may take to stop before it is killed. It loses nothing by that. */
export const ENGINE_STOP_MS = 5 * SECOND_MS
