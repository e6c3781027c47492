import { EVENT_TOPICS, type Topic } from "@posthorn/core"
import type { LogGroups } from "@posthorn/log"
import type { ComponentHealth, HealthCheck } from "@posthorn/runtime"

/** A component that says by a call whether it is well. */
export interface Pinged {
  ping(): Promise<void>
}

export interface HealthSources {
  readonly log: Pinged & LogGroups
  readonly store: Pinged
  readonly analytics: Pinged
  readonly monotonicMs: () => number
}

/** The groups that stand for a service, with what they read. */
const SERVICES = {
  delivery: [
    ["router", EVENT_TOPICS],
    ["delivery", ["deliveries", "deliveries.bulk"]],
  ],
  projector: [
    ["projector-postgres", [...EVENT_TOPICS, "attempts"]],
    ["projector-clickhouse", [...EVENT_TOPICS, "attempts"]],
  ],
} as const satisfies Record<string, readonly (readonly [string, readonly Topic[]])[]>

/** A group that has work and has finished none of it for that long stands still. A lane may hold an offset back for half of it. */
const STALLED_MS = 60_000

/** What `/health` asks. Without the log nothing can be accepted; without any of the others that still goes on. */
export function healthChecks({ log, store, analytics, monotonicMs }: HealthSources): Record<string, HealthCheck> {
  const pinged = (component: Pinged, vital: boolean): HealthCheck => ({
    vital,
    check: () => component.ping().then(() => ({ status: "ok" })),
  })
  const grouped = (groups: readonly (readonly [string, readonly Topic[]])[]): HealthCheck => {
    const progress = groups.map(([group, topics]) => watchProgress(log, { group, topics, monotonicMs }))
    return { vital: false, check: async () => worst(await Promise.all(progress.map((look) => look()))) }
  }
  return {
    log: pinged(log, true),
    postgres: pinged(store, false),
    clickhouse: pinged(analytics, false),
    delivery: grouped(SERVICES.delivery),
    projector: grouped(SERVICES.projector),
  }
}

interface Watched {
  readonly group: string
  readonly topics: readonly Topic[]
  readonly monotonicMs: () => number
}

/** Judges a group, wherever its members run, by what it commits from one look to the next. One look alone cannot tell slow from dead. */
function watchProgress(log: LogGroups, { group, topics, monotonicMs }: Watched): () => Promise<Progress> {
  let committed = -1
  let since = 0
  return async () => {
    const lags = await log.lag(group, topics)
    const lagRecords = lags.reduce((sum, lag) => sum + Math.max(0, lag.high - lag.committed), 0)
    const now = lags.reduce((sum, lag) => sum + lag.committed, 0)
    if (now !== committed || lagRecords === 0) since = monotonicMs()
    committed = now
    return { group, lagRecords, stalled: monotonicMs() - since > STALLED_MS }
  }
}

interface Progress {
  readonly group: string
  readonly lagRecords: number
  readonly stalled: boolean
}

function worst(groups: readonly Progress[]): ComponentHealth {
  const lagRecords = Math.max(...groups.map((group) => group.lagRecords))
  const stalled = groups.filter((group) => group.stalled).map(({ group }) => group)
  return stalled.length === 0 ? { status: "ok", lagRecords } : { status: "down", lagRecords, detail: `no progress: ${stalled.join(", ")}` }
}
