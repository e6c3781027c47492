/** Bounds of the log and its readers. */

import { PAYLOAD_BYTES_MAX } from "./incoming.ts"
import { KIB, MIB, SECOND_MS } from "./units.ts"

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
/** Changes of `config` after which a gateway writes a snapshot; in a large installation, a quarter as many as there are entities. */
export const SNAPSHOT_CHANGES_MIN = 20_000
/** How often a gateway looks whether it is time for a snapshot. */
export const SNAPSHOT_LOOK_MS = 60 * SECOND_MS
/** Entities that go into one record of a snapshot, unless they are more than `SNAPSHOT_RECORD_BYTES`. */
export const SNAPSHOT_RECORD_ENTITIES = 100
/** One entity may be more. */
export const SNAPSHOT_RECORD_BYTES = 256 * KIB
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
