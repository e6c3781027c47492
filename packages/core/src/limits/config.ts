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
/** How often a task looks whether the status view has caught up. */
export const TASK_POLL_MS = 250
