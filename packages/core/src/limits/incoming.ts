/** Bounds of what comes in by the doors. */

import { HOUR_MS, KIB, MIB, SECOND_MS } from "./units.ts"

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
/** How long a gRPC connection may be open without a call. */
export const GRPC_IDLE_MS = 300 * SECOND_MS
/** MiB that one gRPC connection may hold in the HTTP/2 layer: half of its calls with a full request each would need all of it. */
export const GRPC_SESSION_MIB = 64
/** How long a server that drains goes on answering those who keep connections, so that they let go of them by themselves. */
export const DRAIN_GRACE_MS = 2 * SECOND_MS
/** Requests over one connection; then it is closed, so that long-lived ones spread over gateways that came later. */
export const CONNECTION_REQUESTS_MAX = 100_000
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
/** Deliveries that one request to cancel an event takes, give or take a page: a fan-out beyond that is cancelled by repeating the request. */
export const EVENT_CANCELS_MAX = 2000
/** Events of one publishing stream that are not acknowledged yet; from here on it is not read. */
export const STREAM_EVENTS_MAX = 256
/** Bytes of the same. */
export const STREAM_BYTES_MAX = 4 * MIB
/** How often an open publishing stream asks whether its key is still good. */
export const STREAM_KEY_CHECK_MS = 1 * SECOND_MS
/** Exports that one key may have open on one gateway: each reads the status store as fast as its client takes it. */
export const EXPORTS_PER_KEY_MAX = 4
/** The same for all keys of an application. */
export const EXPORTS_PER_APPLICATION_MAX = 8
/** The same for all together. */
export const EXPORTS_MAX = 32
/** Live streams that one key may have open on one gateway. */
export const WATCHES_PER_KEY_MAX = 100
/** The same for all keys of an application. */
export const WATCHES_PER_APPLICATION_MAX = 200
/** The same for all together: each holds a connection, and some kilobytes. */
export const WATCHES_MAX = 4000
/** How often it is asked of open exports and live streams whether their keys are still good: a revoked key's end within 5 s. */
export const FEED_CHECK_MS = 2 * SECOND_MS
/** How long a client of one may take nothing before it is closed. */
export const FEED_STALL_MS = 60 * SECOND_MS
/** How long a client that is closed may take for what was written to it before. */
export const FEED_FLUSH_MS = 5 * SECOND_MS
/** How soon a browser opens a stream again that was closed. */
export const FEED_RETRY_MS = 2 * SECOND_MS
/** How long a live stream may be silent: shorter than the 60 s after which common load balancers close what is idle. */
export const WATCH_HEARTBEAT_MS = 15 * SECOND_MS
/** Changes that wait for one client of a live stream; it is closed when there are more. */
export const WATCH_QUEUE_MAX = 1000
/** Changes that wait for all clients that are behind. */
export const WATCH_QUEUED_MAX = 50_000
/** Records that a live stream goes back at most when it is opened again; what is further back is in the lists. */
export const WATCH_LOOKBACK_RECORDS_MAX = 100_000
/** Records that it reads at once on the way. */
export const WATCH_CHUNK_RECORDS = 1000
/** Live streams that read at the same time on the way; further ones take turns. */
export const WATCH_CATCH_UPS_MAX = 4
/** How often live streams look whether their applications are still there. */
export const WATCH_CHECK_MS = 2 * SECOND_MS
/** Keys and applications whose ingest limits one gateway counts before those that have been quiet are forgotten. */
export const RATES_COUNTED_MAX = 10_000
/** Subscriptions named as not matched when one event is read. */
export const UNMATCHED_MAX = 1000

/** How long a request that controls a delivery waits until the status view shows what came of it; then it answers what there is. */
export const CONTROL_SHOWN_MS = 3 * SECOND_MS
/** How often it looks meanwhile. */
export const CONTROL_POLL_MS = 50
/** How long reading a subscription waits to say how its endpoint does; then it is answered without. */
export const HEALTH_READ_MS = 1 * SECOND_MS

// Commands and the audit log.

/** Requests with idempotency keys that every service remembers: some hundred bytes each. Those before are forgotten sooner than after a day. */
export const COMMANDS_MAX = 10_000
/** How many records of `config` apart two changes for one such request are recognised by everybody, however they raced; at most `COMMANDS_MAX`. */
export const COMMAND_RECORDS = 10_000
/** Characters of JSON that the audit log keeps of an entity after a change. */
export const AUDIT_STATE_LENGTH_MAX = 64 * KIB
/** Refused requests of one caller or address that are recorded in a second, over time; the others are counted. */
export const REFUSALS_PER_SECOND = 1
/** How many of one caller or address may be recorded at once after a rest. */
export const REFUSALS_BURST = 20
/** The same of all callers of one application together, and of all that nobody knows. */
export const REFUSALS_TOGETHER_PER_SECOND = 20
/** How many of those may be recorded at once after a rest. */
export const REFUSALS_TOGETHER_BURST = 400
/** Refused requests that wait for the log; further ones are counted. */
export const REFUSALS_WAITING_MAX = 1000
/** Callers and addresses whose refusals are counted before the oldest are forgotten. */
export const REFUSALS_COUNTED_MAX = 10_000
/** From one append of refused requests to the next: they go together, and nobody waits for them. */
export const REFUSALS_INTERVAL_MS = 1 * SECOND_MS
/** How often a gateway writes which keys were used. */
export const KEY_USES_INTERVAL_MS = 60 * SECOND_MS
/** Keys whose use waits to be written; further ones are passed over until the next time. */
export const KEY_USES_MAX = 10_000
/** How long a gateway that stops waits until used keys and refused requests are written. */
export const NOTES_STOP_MS = 2 * SECOND_MS
/** How long reading keys waits to say when they were last used; then they are answered without. */
export const LAST_USE_READ_MS = 1 * SECOND_MS

// Dialects.

/** Subscriptions that a dialect's list without pages shows. */
export const DIALECT_SUBSCRIPTIONS_MAX = 1000
/** Attempts that a dialect's list of the newest shows, and deliveries that are looked into for them. */
export const DIALECT_ATTEMPTS_MAX = 20
/** Waits between looks for what was accepted a moment ago: clients of dialects expect to find at once what they were told of, and the views follow within a moment. */
export const DIALECT_LOOKS_MS: readonly number[] = [50, 100, 200, 400]
/** Deadline of the one attempt by which a dialect tests a URL: whoever asked waits for it. */
export const DIALECT_TEST_TIMEOUT_MS = 5 * SECOND_MS
/** How often, and every how many milliseconds, a dialect looks for that attempt: for its deadline, and as long again for the way to the endpoint and into the views. */
export const DIALECT_TEST_LOOKS_MAX = 100
export const DIALECT_TEST_LOOK_MS = 100
