import { EVENT_TOPICS, limits } from "@posthorn/core"
import type { LogGroups } from "@posthorn/log"

export interface StatsLagOptions {
  readonly log: LogGroups
  readonly monotonicMs: () => number
  readonly pause: (ms: number) => Promise<void>
}

/** Answers how many records analytics is behind the log, or `undefined` when that cannot be learnt in time. */
export function createStatsLag({ log, monotonicMs, pause }: StatsLagOptions): () => Promise<number | undefined> {
  const ask = async (): Promise<number | undefined> => {
    const partitions = await log.lag("projector-clickhouse", [...EVENT_TOPICS, "attempts"])
    return partitions.reduce((sum, { committed, high }) => sum + Math.max(0, high - committed), 0)
  }
  let known: { readonly atMs: number; readonly lag: Promise<number | undefined> } | undefined
  return () => {
    if (known === undefined || monotonicMs() - known.atMs > limits.ANALYTICS_LAG_AGE_MS) {
      // An answer is worth having without this, whatever kept it from being learnt.
      const lag = Promise.race([ask().catch(() => undefined), pause(limits.ANALYTICS_LAG_READ_MS).then(() => undefined)])
      known = { atMs: monotonicMs(), lag }
    }
    return known.lag
  }
}
