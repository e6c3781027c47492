import { FINDING_KINDS, PROJECTED_TOPICS, type Finding, type Topic } from "@posthorn/core"
import type { Logger, Metrics } from "@posthorn/runtime"
import type { ConservationSummary, Retained } from "@posthorn/store"

/** The only fields of this service's log lines. */
export const LOG_FIELDS = [
  "group",
  "view",
  "topic",
  "partition",
  "offset",
  "reason",
  "count",
  "durationMs",
  "dropped",
  "held",
  "kept",
  "locked",
  "deadLetters",
  "claims",
  "kind",
  "applicationId",
  "eventId",
  "deliveryId",
] as const
type Log = Logger<(typeof LOG_FIELDS)[number]>

const VIEWS = ["postgres", "clickhouse"] as const
export type View = (typeof VIEWS)[number]
export const GROUPS = { postgres: "projector-postgres", clickhouse: "projector-clickhouse" } as const satisfies Record<View, string>

/** What is on its way alone is left; so much is on its way that all is left; somebody used the tables. */
const OVERDUE = ["held", "kept", "locked"] as const

const BATCH_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

interface Place {
  readonly topic: Topic
  readonly partition: number
}

/** Every metric of the projector. */
function projectorMetrics(metrics: Metrics) {
  return {
    projected: metrics.counter({ name: "posthorn_projected_records_total", help: "Records taken into a view.", labels: { view: VIEWS } }),
    batches: metrics.histogram({
      name: "posthorn_projection_batch_seconds",
      help: "How long a view took to take a batch.",
      labels: { view: VIEWS },
      buckets: BATCH_BUCKETS_SECONDS,
    }),
    failures: metrics.counter({
      name: "posthorn_projection_failures_total",
      help: "Batches that a view could not take, and was given again.",
      labels: { view: VIEWS },
    }),
    stale: metrics.counter({ name: "posthorn_projection_stale_total", help: "Batches that somebody else had projected." }),
    dead: metrics.counter({
      name: "posthorn_dead_letters_total",
      help: "Dead letters written, by reason.",
      labels: { reason: ["retries_exhausted", "endpoint_gone", "poison"] },
    }),
    unreadable: metrics.counter({
      name: "posthorn_unreadable_dead_letters_total",
      help: "Records of dead-letters that could not be decoded and are left out.",
    }),
    dropped: metrics.counter({
      name: "posthorn_retention_days_dropped_total",
      help: "Days of rows that were let go, each retention by itself.",
    }),
    overdue: metrics.gauge({
      name: "posthorn_retention_days_backlog",
      help: "Days of rows that are old enough to go and are still there, as the last round of housekeeping left them.",
      labels: { state: OVERDUE },
    }),
    deleted: metrics.counter({
      name: "posthorn_retention_rows_deleted_total",
      help: "Rows that housekeeping has deleted one by one.",
      labels: { table: ["dead_letters", "idempotency_keys"] },
    }),
    lag: metrics.gauge({
      name: "posthorn_log_lag_records",
      help: "Records that a group has not finished.",
      labels: { group: Object.values(GROUPS), topic: PROJECTED_TOPICS },
    }),
  }
}

/** Every log line of the projector, with what it counts. */
export function projectorEvents(log: Log, metrics: Metrics) {
  const { projected, batches, failures, stale, dead, unreadable, lag, dropped, overdue, deleted } = projectorMetrics(metrics)
  return {
    ...conservationEvents(log, metrics),
    batchProjected(view: View, records: number, durationMs: number): void {
      projected.add(records, { view })
      batches.observe(durationMs / 1000, { view })
      log.debug("batch projected", { view, count: records, durationMs })
    },
    batchFailed(view: View, error: unknown): void {
      failures.add(1, { view })
      log.warn("the view could not take a batch; trying again", { view, error })
    },
    batchStale(): void {
      stale.add(1)
      log.info("somebody else projected these records; reading on from where the view is")
    },
    poisonFound(at: Place & { offset: number }, reason: string): void {
      dead.add(1, { reason: "poison" })
      log.warn("record could not be decoded; it is in dead-letters", { ...place(at), offset: at.offset, reason })
    },
    deadLetterUnreadable(at: Place & { offset: number }, reason: string): void {
      unreadable.add(1)
      log.error("dead letter could not be decoded; it is left out", { ...place(at), offset: at.offset, reason })
    },
    positionUnknown(at: Place, error: unknown): void {
      log.warn("the view does not say where it is; asking again", { ...place(at), error })
    },
    lagSeen(view: View, topic: (typeof PROJECTED_TOPICS)[number], records: number): void {
      lag.set(records, { group: GROUPS[view], topic })
    },
    lagUnknown(error: unknown): void {
      log.warn("reading the lag failed", { error })
    },
    memberFailed(group: string, error: unknown): void {
      log.error("group member failed", { group, error })
    },
    retained(done: Retained): void {
      const { deadLetters, claims } = done
      dropped.add(done.dropped.length)
      for (const state of OVERDUE) overdue.set(done[state].length, { state })
      deleted.add(deadLetters, { table: "dead_letters" })
      deleted.add(claims, { table: "idempotency_keys" })
      const days = Object.fromEntries((["dropped", ...OVERDUE] as const).map((fate) => [fate, done[fate].join(",")] as const))
      if (Object.values(days).some((names) => names !== "") || deadLetters + claims > 0)
        log.info("old rows let go", { ...days, deadLetters, claims })
    },
    retentionFailed(error: unknown): void {
      log.warn("letting old rows go failed; trying again later", { error })
    },
    logFault(error: unknown): void {
      log.warn("log reports a fault", { error })
    },
    started(): void {
      log.info("projector started")
    },
  }
}

/** The same of the check that every accepted event is accounted for. */
function conservationEvents(log: Log, metrics: Metrics) {
  const findings = metrics.gauge({
    name: "posthorn_conservation_findings",
    help: "What should be there and is not, by kind.",
    labels: { kind: FINDING_KINDS },
  })
  const checked = metrics.gauge({
    name: "posthorn_conservation_checked_seconds",
    help: "How long ago it was last checked that every accepted event is accounted for.",
  })
  return {
    findingsCounted(counts: ConservationSummary["findings"]): void {
      for (const kind of FINDING_KINDS) findings.set(counts.get(kind) ?? 0, { kind })
    },
    conservationAge(ageMs: number): void {
      checked.set(Math.max(0, ageMs) / 1000)
    },
    findingFound({ kind, applicationId, eventId, deliveryId, place: at }: Finding): void {
      const where = at === undefined ? {} : { ...place(at), offset: at.offset }
      log.error("something is missing", { kind, applicationId, eventId, ...(deliveryId === "" ? {} : { deliveryId }), ...where })
    },
    conservationUnsearched(count: number): void {
      log.warn("too much waits to look for overdue deliveries; trying again later", { count })
    },
    conservationBehind(): void {
      log.info("the view is behind the log; it is checked later whether anything is missing")
    },
    conservationFailed(error: unknown): void {
      log.warn("checking whether anything is missing failed; trying again later", { error })
    },
  }
}

const place = ({ topic, partition }: Place): Place => ({ topic, partition })

export type ProjectorEvents = ReturnType<typeof projectorEvents>
