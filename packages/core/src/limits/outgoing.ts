/** Bounds of what goes out. */

import { PAYLOAD_BYTES_MAX } from "./incoming.ts"
import { HOUR_MS, KIB, SECOND_MS } from "./units.ts"

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
