import type { AnalyticsRebuild, AnalyticsWriter, DayDone } from "@posthorn/analytics"
import { limits } from "@posthorn/core"
import type { LogReader } from "@posthorn/log"
import { analyticsBatch, ANALYTICS_TOPICS } from "../analytics-batch.ts"
import { coverageOf } from "./coverage.ts"
import { fillLanes, type Batch, type Stretch } from "./fill-lanes.ts"
import type { Progress } from "./progress.ts"

export interface AnalyticsWork {
  readonly log: LogReader
  readonly analytics: AnalyticsRebuild
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** Makes analytics anew from the log, and gives the live tables its days. What it leaves undone, the next one goes on with. */
export async function rebuildClickHouse(work: AnalyticsWork, { restart }: { readonly restart: boolean }): Promise<readonly DayDone[]> {
  const { log, analytics, progress } = work
  await analytics.open(restart)
  const filledTo = await fillAnalytics(work)
  const coverage = await coverageOf(log, ANALYTICS_TOPICS, work.nowMs)
  progress.say("putting the days in place")
  const days = await analytics.swap(Math.max(0, ...Object.values(coverage)))
  // What came in since is in the live tables or was replaced with the rest of its day: putting it in again changes nothing of the former.
  const since = await stretchesFrom(log, filledTo)
  await fillLanes({ ...work, take: (batch) => insertAll(analytics.live, batch, "rebuilt") }, since)
  await analytics.drop()
  return days
}

/** Reads what the log has now into the second database. Answers up to where that is. */
export async function fillAnalytics(work: AnalyticsWork): Promise<ReadonlyMap<string, number>> {
  const { log, analytics } = work
  const begun = new Map((await analytics.positions()).map(({ topic, partition, next }) => [`${topic}/${partition}`, next]))
  const stretches = await stretchesFrom(log, begun)
  const take = async (batch: Batch): Promise<void> => {
    const { topic, partition, next } = batch
    await insertAll(analytics.made, batch, "rebuild")
    // A crash before this repeats the rows, which then replace themselves.
    await analytics.reached({ topic, partition, next })
  }
  await fillLanes({ ...work, take, recordsMax: limits.REBUILD_ANALYTICS_RECORDS_MAX }, stretches)
  const filled = stretches.map(({ topic, partition, to }) => [`${topic}/${partition}`, to] as const)
  return new Map([...begun, ...filled])
}

async function stretchesFrom(log: LogReader, begun: ReadonlyMap<string, number>): Promise<readonly Stretch[]> {
  const stretches: Stretch[] = []
  for (const topic of ANALYTICS_TOPICS) {
    for (const { partition, low, high } of await log.ends(topic)) {
      const from = begun.get(`${topic}/${partition}`) ?? low
      if (from < high) stretches.push({ topic, partition, from, to: high })
    }
  }
  return stretches
}

/** Under tokens of their own: what the projector inserted under its own may have been replaced since. */
async function insertAll(into: AnalyticsWriter, { topic, partition, first, next, records }: Batch, token: string): Promise<void> {
  const { events, attempts } = analyticsBatch(records, "")
  for (let from = 0; from < Math.max(events.length, attempts.length); from += limits.ANALYTICS_ROWS_MAX) {
    const part = <Row>(rows: readonly Row[]): readonly Row[] => rows.slice(from, from + limits.ANALYTICS_ROWS_MAX)
    await into.insert({
      events: part(events),
      attempts: part(attempts),
      token: `${token}/${topic}/${partition}/${first}-${next - 1}/${from}`,
    })
  }
}
