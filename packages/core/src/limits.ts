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
/** Bytes of a request that publishes one event: a full payload in base64 with its metadata. */
export const PUBLISH_BYTES_MAX = 512 * KIB
/** Bytes of request headers. */
export const REQUEST_HEADERS_BYTES_MAX = 16 * KIB
/** Time to receive the headers of a request. Node's own default, 60 s, lets idle senders hold sockets. */
export const REQUEST_HEADERS_TIMEOUT_MS = 10 * SECOND_MS
/** Time to receive a whole request. */
export const REQUEST_TIMEOUT_MS = 30 * SECOND_MS
/** Open connections of one gateway; each costs about 20 KiB. */
export const CONNECTIONS_MAX = 10_000
/** How long a connection may stay open without a request: longer than the 60 s of common load balancers, which must be the ones to close first. */
export const CONNECTION_IDLE_MS = 65 * SECOND_MS
/** Calls at the same time over one gRPC connection. */
export const GRPC_STREAMS_MAX = 256
/** How often an open gRPC connection is asked whether it is alive. */
export const GRPC_KEEPALIVE_MS = 60 * SECOND_MS
/** How long it may take to answer that. */
export const GRPC_KEEPALIVE_TIMEOUT_MS = 20 * SECOND_MS
/** How often a server that drains closes connections that have had their answer. */
export const DRAIN_SWEEP_MS = 100
/** How long the last answers of a gRPC server may take to get out once the calls are done. */
export const ANSWER_FLUSH_MS = 1 * SECOND_MS
/** Characters of a request id that is taken over from the client. */
export const REQUEST_ID_LENGTH_MAX = 128
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
/** Entries of a list page. */
export const PAGE_SIZE_MAX = 200
/** Entries of a list page when none is asked for. */
export const PAGE_SIZE_DEFAULT = 50
/** How long a revoked key may still pass: the config topic reaches every gateway long before. */
export const KEY_CACHE_MS = 5 * SECOND_MS
/** Verified tokens remembered by one gateway. */
export const KEY_CACHE_ENTRIES_MAX = 10_000
/** How long a publish may wait for another one with the same idempotency key that is under way elsewhere; then its event is appended again, with the same id. */
export const IDEMPOTENCY_SETTLE_MS = 3 * SECOND_MS
/** Subscriptions named as not matched when one event is read. */
export const UNMATCHED_MAX = 1000

/** How long a request that controls a delivery waits until the status view shows what came of it; then it answers what there is. */
export const CONTROL_SHOWN_MS = 3 * SECOND_MS
/** How often it looks meanwhile. */
export const CONTROL_POLL_MS = 50
/** How long reading a subscription waits to say how its endpoint does; then it is answered without. */
export const HEALTH_READ_MS = 1 * SECOND_MS

// Tasks.

/** Tasks of an application that are under way at the same time. */
export const TASKS_RUNNING_MAX = 10
/** Tasks kept of an application, ended ones included: every service has them in memory. */
export const TASKS_KEPT_MAX = 200
/** Tasks that one gateway works at, each with a connection to the status store; further ones wait for their turn or for another gateway. */
export const TASKS_AT_ONCE = 4
/** Dead letters that a task takes at a time: what a crash can do again. */
export const TASK_BATCH_MAX = 50
/** Deliveries that a redrive begins per second unless told otherwise: gentle on an endpoint that has just recovered. */
export const TASK_RATE_DEFAULT = 100
/** Dead letters that a task discards per second: nobody has to be spared but the log. */
export const DISCARD_RATE = 1000
/** How long a task that another gateway has, or that was interrupted, is left alone before it is tried. */
export const TASK_REST_MS = 5 * SECOND_MS
/** How often a task goes through its dead letters: twice is enough, unless the view does not take something in. */
export const TASK_PASSES_MAX = 5
/** How long stopping waits for tasks to stop. */
export const TASK_STOP_MS = 1 * SECOND_MS
/** How often a task looks whether the status view has caught up. */
export const TASK_POLL_MS = 250

// The log.

/** Records of one append: larger batches gain nothing and hold others up. */
export const APPEND_RECORDS_MAX = 1000
/** Records of one append that may be of the lower class: what live appends wait behind one. */
export const APPEND_BULK_RECORDS_MAX = 500
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
/** The same, of a partition of a retry tier: there are five of them, and what they hold waits. */
export const RETRY_WINDOW_BYTES_MAX = 1 * MIB
/** Records of a partition of `retry.5s` handed over and not finished: five seconds of a thousand a second. */
export const SHORT_RETRY_WINDOW_RECORDS_MAX = 5000
/** Bytes of the same. */
export const SHORT_RETRY_WINDOW_BYTES_MAX = 4 * MIB
/** Records from a partition's oldest unfinished one to the newest handed over, finished ones included: what a crash can repeat. At most `FINISHED_TRIES_MAX`. */
export const WINDOW_SPAN_MAX = 10_000
/** Records of a partition that one read answers. */
export const FETCH_RECORDS_MAX = 500
/** Bytes that one read answers, all of its partitions together; one record of each may go over it. */
export const FETCH_BYTES_MAX = 16 * MIB
/** Longest pause between two tries to reach a log that is away. */
export const RECONNECT_MS_MAX = 2 * SECOND_MS
/** Time for one statement of the log, after which Postgres gives it up: below the session timeout, so that a member learns of trouble before it is taken for dead. */
export const LOG_STATEMENT_TIMEOUT_MS = 5 * SECOND_MS
/** How often readers look for records that no signal told of: only a safety net, for signals lost with a connection. */
export const LOG_POLL_INTERVAL_MS = 2 * SECOND_MS
/** How often records past their retention are looked for, and trimmed ones deleted. */
export const RETENTION_INTERVAL_MS = 60 * SECOND_MS
/** Records that one statement deletes: it holds no lock for long. */
export const TRIM_RECORDS_MAX = 5000
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
/** How long to wait for a position of `config` to be read that is known to be in the log. */
export const CONFIG_READ_TIMEOUT_MS = 10 * SECOND_MS
/** Time to connect to a Kafka broker. */
export const KAFKA_CONNECT_TIMEOUT_MS = 3 * SECOND_MS
/** Time for a Kafka broker to answer one request; a frozen broker costs this much before another is tried. */
export const KAFKA_REQUEST_TIMEOUT_MS = 5 * SECOND_MS
/** How old knowledge of who leads a partition may be: a broker that is frozen does not say that it leads no more. */
export const KAFKA_METADATA_AGE_MS = 3 * SECOND_MS
/** How long a fetch waits at a Kafka broker when there is nothing new. Costs no latency; bounds what pausing and leaving take, and sets the idle cost. */
export const KAFKA_FETCH_WAIT_MS = 250
/** The same for a follower, which has its connection alone. */
export const KAFKA_FOLLOW_WAIT_MS = 1 * SECOND_MS
/** Bytes of one fetch from one partition; a larger record still comes, alone. */
export const KAFKA_FETCH_PARTITION_BYTES_MAX = 1 * MIB
/** Bytes of one fetch from one broker. */
export const KAFKA_FETCH_BYTES_MAX = 8 * MIB
/** How long reading, joining a group and creating topics try again before they give up. */
export const KAFKA_GIVE_UP_MS = 60 * SECOND_MS

// What goes out.

/** Deadline of a whole attempt when the subscription names none; Standard Webhooks recommends 15 to 30 s. */
export const ATTEMPT_TIMEOUT_MS_DEFAULT = 15 * SECOND_MS
/** Attempts of one subscription at the same time to begin with; it moves between 1 and the maximum as the endpoint answers. */
export const LANE_CONCURRENCY_DEFAULT = 8
/** Attempts of one subscription at the same time when it names no number: half of what one process has, so that no one can hold them all. */
export const LANE_CONCURRENCY_MAX = 64
/** Attempts of one process at the same time, however much memory there is: each may hold a socket and one of the usual 1,024 open files. */
export const ATTEMPTS_IN_FLIGHT_MAX = 512
/** The same, however little memory there is. */
export const ATTEMPTS_IN_FLIGHT_MIN = 32
/** Memory that one attempt may need: its payload as record and as request, its answer, its socket. */
export const ATTEMPT_BYTES = 2 * PAYLOAD_BYTES_MAX + 128 * KIB
/** Records waiting in one lane from which it counts as crowded, and what it cannot get done soon is put off to a retry tier. */
export const LANE_RECORDS_MAX = 200
/** Age of a lane's oldest record before the lane is put off, so that the partition's offset moves on. */
export const LANE_AGE_MS_MAX = 30 * SECOND_MS
/** How much of a crowded lane is kept: what it gets done in this time at its pace. As long may others wait behind it. */
export const LANE_AHEAD_MS = 2 * SECOND_MS
/** Silence of an endpoint that was asked something, after which its lane may have half as much under way; again with every further one. */
export const LANE_SILENCE_MS = 1 * SECOND_MS
/** How long a put-off record waits at least when its lane has no pace to go by; doubles each time it is put off again. */
export const DEFER_MS = 5 * SECOND_MS
/** Longest a record is put off at once, for whatever reason but an open breaker. */
export const DEFER_MS_MAX = 300 * SECOND_MS
/** Failed attempts of a subscription in a row, over at least `BREAKER_SPAN_MS`, after which its breaker opens. */
export const BREAKER_FAILURES = 10
/** See `BREAKER_FAILURES`: a short outage is for retries alone. */
export const BREAKER_SPAN_MS = 10 * SECOND_MS
/** From the opening of a breaker to its first probe; doubles with each that fails. */
export const BREAKER_PROBE_MS = 5 * SECOND_MS
/** Longest wait between two probes: what an endpoint that has recovered waits at most. */
export const BREAKER_PROBE_MS_MAX = 60 * SECOND_MS
/** Shortest bound on how long an open breaker puts a record off at once; with a long outage it is a quarter of that. */
export const BREAKER_DEFER_MS_MIN = 60 * SECOND_MS
/** Longest bound on the same. */
export const BREAKER_DEFER_MS_MAX = 900 * SECOND_MS
/** Longest that an endpoint's `Retry-After` holds up other deliveries than the one it answered. */
export const THROTTLE_MS_MAX = HOUR_MS
/** Deliveries of one subscription in a second, over time, that go out with live traffic; what exceeds it runs in the lower class. */
export const LIVE_PER_SECOND = 100
/** How far a subscription may be ahead of that: less than a window, so that no neighbour waits behind it to be read. */
export const LIVE_BURST = 500
/** A try that is due later than this is no try yet: clocks of two processes differ by less. */
export const EARLY_MS_MAX = 1 * SECOND_MS
/** Records that a paused subscription's backlog is released by at a time: what a crash can release again. */
export const RELEASE_RECORDS = 500
/** How far apart retries of one time are spread, as a share of their wait, and at most: `RETRY_SPREAD_MS_MAX`. */
export const RETRY_SPREAD = 0.02
/** Small against what a tier's reader looks ahead, so that nothing is late for being behind another. */
export const RETRY_SPREAD_MS_MAX = 50
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
/** Idle connections kept open in one process, over all endpoints: well below the usual limit on open files. */
export const IDLE_CONNECTIONS_MAX = 1000
/** How long an idle connection is kept: shorter than the five seconds after which many servers close it. */
export const IDLE_CONNECTION_MS = 4 * SECOND_MS
/** How long one address of several is tried before the next one is tried as well. */
export const ADDRESS_TRY_MS = 1 * SECOND_MS
/** How long the vetted addresses of a name are used again: one look-up for a burst of connections. */
export const RESOLVED_NAME_MS = 5 * SECOND_MS
/** Names whose addresses are remembered. */
export const RESOLVED_NAMES_MAX = 1000
/** URLs that passed the rules and are remembered. */
export const JUDGED_URLS_MAX = 1000
/** Informational (1xx) answers before the real one. */
export const INFORMATIONAL_ANSWERS_MAX = 16
/** Addresses that one name may resolve to. */
export const ADDRESSES_MAX = 16
/** Time to resolve a name. */
export const RESOLVE_TIMEOUT_MS = 5 * SECOND_MS
/** How long a name server may be silent before it is asked again. */
export const RESOLVE_TRY_MS = 1 * SECOND_MS
/** Tries (delivery, round, attempt) of a partition remembered after they finished, to recognise copies. */
export const FINISHED_TRIES_MAX = 20_000

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
