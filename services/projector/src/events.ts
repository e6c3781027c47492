import { PROJECTED_TOPICS, type Topic } from "@posthorn/core"
import type { Logger, Metrics } from "@posthorn/runtime"

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
  "kept",
  "deadLetters",
  "claims",
] as const
type Log = Logger<(typeof LOG_FIELDS)[number]>

const VIEWS = ["postgres", "clickhouse"] as const
export type View = (typeof VIEWS)[number]
export const GROUPS = { postgres: "projector-postgres", clickhouse: "projector-clickhouse" } as const satisfies Record<View, string>

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
    lag: metrics.gauge({
      name: "posthorn_log_lag_records",
      help: "Records that a group has not finished.",
      labels: { group: Object.values(GROUPS), topic: PROJECTED_TOPICS },
    }),
  }
}

/** Every log line of the projector, with what it counts. */
export function projectorEvents(log: Log, metrics: Metrics) {
  const { projected, batches, failures, stale, dead, unreadable, lag } = projectorMetrics(metrics)
  return {
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
    retained(done: { dropped: readonly string[]; kept: readonly string[]; deadLetters: number; claims: number }): void {
      const { dropped, kept, deadLetters, claims } = done
      if (dropped.length + kept.length + deadLetters + claims > 0)
        log.info("old rows let go", { dropped: dropped.join(","), kept: kept.join(","), deadLetters, claims })
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

const place = ({ topic, partition }: Place): Place => ({ topic, partition })

export type ProjectorEvents = ReturnType<typeof projectorEvents>
