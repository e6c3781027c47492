import type { AnalyticsWriter } from "@posthorn/analytics"
import { limits, PROJECTED_TOPICS, type Topic } from "@posthorn/core"
import type { EventLog, GroupHandler, GroupMember } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import type { ConservationBooks, ConservationReader, MutualExclusion, StatusKeeper, StatusProjection } from "@posthorn/store"
import { ANALYTICS_TOPICS } from "./analytics-batch.ts"
import { ClickHouseSink } from "./clickhouse-sink.ts"
import { keepChecking } from "./conservation/keep-checking.ts"
import { GROUPS, type ProjectorEvents, type View } from "./events.ts"
import { PostgresSink } from "./postgres-sink.ts"

export { LOG_FIELDS as projectorLogFields, projectorEvents } from "./events.ts"

export interface ProjectorOptions {
  readonly log: EventLog
  readonly status: StatusProjection & StatusKeeper & ConservationBooks & ConservationReader & MutualExclusion
  readonly analytics: AnalyticsWriter
  readonly clock: Clock
  /** How long status rows are kept. */
  readonly retentionHours: number
  readonly events: ProjectorEvents
  /** A group member is lost for good: the process should end. */
  readonly failed: (error: Error) => void
}

export interface Projector {
  /** Unix milliseconds at which every group last heard from the log. */
  readonly lastContactMs: number
  /** Unix milliseconds since when a view has taken nothing of what it was given, however often; `undefined` = it takes what comes. */
  failingSince(view: View): number | undefined
  /** Stops taking work, waits for what is under way, commits and leaves. */
  stop(): Promise<void>
}

const TOPICS = { postgres: PROJECTED_TOPICS, clickhouse: ANALYTICS_TOPICS } as const satisfies Record<View, readonly Topic[]>
const LAG_INTERVAL_MS = 5000

/** Starts the projection into both views, each in a group of its own so that one store being down delays only itself. Any number of projectors may run. */
export async function startProjector(options: ProjectorOptions): Promise<Projector> {
  const { log, status, clock, retentionHours } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const failing = new Map<View, number>()
  const events = watchFailures(options.events, { failing, clock })
  const postgres = new PostgresSink({ ...options, events, signal })
  const clickhouse = new ClickHouseSink({ ...options, events, signal })
  const handlers: Record<View, Omit<GroupHandler, "failed">> = {
    postgres: {
      assigned: (partition) => postgres.assigned(partition),
      records: (partition, records) => postgres.records(partition, records),
      revoked: (partition) => postgres.revoked(partition),
    },
    clickhouse: {
      records: (partition, records) => clickhouse.records(partition, records),
      revoked: (partition) => clickhouse.revoked(partition),
    },
  }
  const join = (view: View): Promise<GroupMember> => {
    const failed = (error: Error): void => {
      events.memberFailed(GROUPS[view], error)
      options.failed(error)
    }
    // An insert into ClickHouse waits for company, and a partition must not be held back meanwhile.
    const records = view === "clickhouse" ? limits.ANALYTICS_ROWS_MAX : limits.WINDOW_RECORDS_MAX
    return log.join({ group: GROUPS[view], topics: TOPICS[view], handler: { ...handlers[view], failed }, window: () => ({ records }) })
  }
  const members = [await join("postgres"), await join("clickhouse")]
  const retain = (): void => void status.retain({ nowMs: clock.nowMs(), retentionHours }).then(events.retained, events.retentionFailed)
  const timers = [setInterval(retain, limits.STORE_RETENTION_INTERVAL_MS), setInterval(() => void tellLag(log, events), LAG_INTERVAL_MS)]
  retain()
  const stopChecking = keepChecking({ log, status, clock, events, signal })
  return {
    get lastContactMs() {
      return Math.min(...members.map((member) => member.lastContactMs))
    },
    failingSince: (view) => failing.get(view),
    async stop() {
      for (const timer of timers) clearInterval(timer)
      // What is in flight is finished if its store takes it at this try, and left to the next start otherwise.
      stopping.abort()
      await Promise.all([...members.map((member) => member.leave()), stopChecking()])
    },
  }
}

/** Tells on, and notes since when a view has been failing. */
function watchFailures(events: ProjectorEvents, { failing, clock }: { failing: Map<View, number>; clock: Clock }): ProjectorEvents {
  return {
    ...events,
    batchFailed(view, error) {
      if (!failing.has(view)) failing.set(view, clock.nowMs())
      events.batchFailed(view, error)
    },
    batchProjected(view, records, durationMs) {
      failing.delete(view)
      events.batchProjected(view, records, durationMs)
    },
  }
}

async function tellLag(log: EventLog, events: ProjectorEvents): Promise<void> {
  try {
    for (const view of ["postgres", "clickhouse"] as const) {
      const lags = await log.lag(GROUPS[view], TOPICS[view])
      for (const topic of TOPICS[view]) {
        events.lagSeen(
          view,
          topic,
          lags.filter((lag) => lag.topic === topic).reduce((sum, { committed, high }) => sum + Math.max(0, high - committed), 0),
        )
      }
    }
  } catch (error) {
    events.lagUnknown(error)
  }
}
