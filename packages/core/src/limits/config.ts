/** Bounds of what is configured, and tasks. */

import { KIB, MIB, SECOND_MS } from "./units.ts"

// Event types.

/** Event types that an application may define: every service has them in memory. */
export const EVENT_TYPES_MAX = 500
/** Bytes of one event type with all its versions: it has to fit into one record. */
export const EVENT_TYPE_BYTES_MAX = 256 * KIB
/** Bytes of all event types of an application. */
export const EVENT_TYPES_BYTES_MAX = 4 * MIB
/** Bytes of one schema as JSON: what compiling one costs. */
export const SCHEMA_BYTES_MAX = 64 * KIB
/** Schemas within each other: what compiling one needs of the stack. */
export const SCHEMA_DEPTH_MAX = 32
/** Characters of a regular expression in a schema. */
export const SCHEMA_PATTERN_LENGTH_MAX = 1000
/** Places named at which a payload does not fit its schema, or a schema cannot be used. */
export const SCHEMA_VIOLATIONS_MAX = 20
/** Time to compile a schema and check one payload: a hundred times what a large one of each needs. */
export const SCHEMA_CHECK_MS = 1 * SECOND_MS
/** Questions that go to the thread together: handing over is a small part of what each of so many costs. */
export const SCHEMA_BATCH_MAX = 100
/** Bytes of their payloads and schemas: the last of them may go beyond. */
export const SCHEMA_BATCH_BYTES_MAX = 256 * KIB
/** When the thread answers what it has done of a batch and leaves the rest, so that whoever came since has a turn. */
export const SCHEMA_BATCH_MS = 10
/** How long the payloads of an application are not checked after one that took longer: so it has an eleventh of the time at most. */
export const SCHEMA_REST_MS = 10 * SECOND_MS
/** Values that one import copies out of its document: a component that many webhooks refer to counts as often. */
export const IMPORT_VALUES_MAX = 500_000
/** Time for the thread that checks payloads to start. */
export const SCHEMA_THREAD_START_MS = 10 * SECOND_MS
/** Memory of that thread. */
export const SCHEMA_THREAD_MIB_MAX = 128
/** Compiled schemas kept by it. */
export const SCHEMAS_COMPILED_MAX = 1000
/** Bytes of their text together: compiled they are about twenty times as large. */
export const SCHEMAS_COMPILED_BYTES_MAX = 1 * MIB
/** Payloads of one application that wait to be checked: two full batches. */
export const SCHEMA_CHECKS_WAITING_MAX = 2000
/** The same of all applications. */
export const SCHEMA_CHECKS_WAITING_ALL_MAX = 20_000

// Filters of subscriptions.

/** Bytes of a filter as JSON: every service has it in memory with its subscription. */
export const FILTER_BYTES_MAX = 8 * KIB
/** Operators and plain values of a filter. */
export const FILTER_CLAUSES_MAX = 100
/** Nesting of a filter: what evaluating one needs of the stack. */
export const FILTER_DEPTH_MAX = 16
/** Faults of a filter that are told at once. */
export const FILTER_FAULTS_MAX = 20
/** Comparisons that one filter may make for one event, a few milliseconds of them at worst; then it does not take the event. */
export const FILTER_STEPS_MAX = 5000

// Subscriptions.

/** Secrets of a subscription that sign at the same time. */
export const SIGNING_SECRETS_MAX = 5
/** How long a secret goes on signing after a rotation that says nothing of it. */
export const SECRET_OVERLAP_SECONDS_DEFAULT = 24 * 3600
/** Subscriptions of one batch. */
export const BATCH_SUBSCRIPTIONS_MAX = 1000
/** Subscriptions that one page of a list with conditions looks through: a few milliseconds, however many do not fulfil them. */
export const LIST_SCAN_MAX = 2000

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
/** Records of a partition that a replay reads at a time: with the largest payloads 25 MiB. */
export const REPLAY_READ_RECORDS = 100
/** Deliveries that a replay looks up at a time. */
export const REPLAY_LOOK_MAX = 200
/** Deliveries that a replay begins at most until it notes how far it is: whoever goes on after a crash has as many in memory. */
export const REPLAY_NOTE_DELIVERIES = 5000
/** From one note to the next at first; then a twentieth of the time that it has worked, up to `REPLAY_NOTE_MS_MAX`. */
export const REPLAY_NOTE_MS = 2 * SECOND_MS
/** Notes are kept for ever. */
export const REPLAY_NOTE_MS_MAX = 60 * SECOND_MS
/** Subscriptions that the replay of one event takes: more are a task for `ReplayEvents`. */
export const REPLAY_TARGETS_MAX = 1000
/** How long a replay waits for the router to read what was accepted before it; what it has not read then is on its way. */
export const REPLAY_ROUTED_MS = 10 * SECOND_MS
/** How much later than it was accepted an event is looked for in the log: its gateway may have waited for the log, and clocks differ. */
export const REPLAY_CLOCKS_APART_MS = 5 * 60 * SECOND_MS
/** How often a task looks whether the status view has caught up. */
export const TASK_POLL_MS = 250
