import { setTimeout as wait } from "node:timers/promises"
import type { AnalyticsRebuild, AttemptDay } from "@posthorn/analytics"
import { limits } from "@posthorn/core"
import type { LogGroups, LogReader } from "@posthorn/log"
import type { StatusShadow } from "@posthorn/store"
import { ANALYTICS_TOPICS } from "../analytics-batch.ts"
import { GROUPS } from "../events.ts"

export interface AnalyticsCheck {
  readonly log: LogGroups & LogReader
  readonly shadow: StatusShadow
  readonly analytics: AnalyticsRebuild
  readonly signal: AbortSignal
  readonly nowMs: number
  readonly retentionHours: number
  readonly differencesMax: number
}

export interface AnalyticsComparison {
  /** Attempts of the status store that were compared. */
  readonly attempts: number
  readonly differing: number
  readonly differences: readonly AttemptDifference[]
}

export interface AttemptDifference {
  readonly applicationId: string
  readonly day: string
  /** `delivery/number`. */
  readonly attempt: string
  /** `missing` from analytics although the status store has it; `extra` there. */
  readonly kind: "missing" | "extra"
}

const DAY_MS = 24 * 3600_000
const HOUR_MS = 3600_000
const POLL_MS = 200

/**
 * Compares the attempts that analytics has with those of the status store, each counted once, by application and day. Both views move meanwhile, and
 * not together: what differs at first counts only if it still does when both have taken in all that the log had by then.
 */
export async function compareAnalytics(check: AnalyticsCheck): Promise<AnalyticsComparison | { readonly behind: number }> {
  const { shadow, analytics } = check
  const shortest = Math.min(check.retentionHours, (await shadow.shortestRetention()) ?? Infinity)
  // Whole days, of which the status store's keeper has let go of nothing, nor will soon.
  const sinceMs = Math.floor((check.nowMs + HOUR_MS - shortest * HOUR_MS) / DAY_MS) * DAY_MS
  let behind = await bothTakeIn(check)
  if (behind > 0) return { behind }
  const [inStatus, inAnalytics] = [await shadow.attemptDays(sinceMs), await analytics.attemptDays(sinceMs)]
  const suspects = await namesThatDiffer(check, daysThatDiffer(inStatus, inAnalytics))
  if (suspects.length > 0) behind = await bothTakeIn(check)
  if (behind > 0) return { behind }
  const still = new Map((await namesThatDiffer(check, daysOf(suspects))).map((each) => [keyOf(each), each.kind]))
  const differences = suspects.filter((each) => still.get(keyOf(each)) === each.kind)
  const attempts = inStatus.reduce((sum, day) => sum + day.attempts, 0)
  return { attempts, differing: differences.length, differences: differences.slice(0, check.differencesMax) }
}

type Day = Pick<AttemptDay, "applicationId" | "day">
const keyOf = ({ applicationId, attempt }: AttemptDifference): string => `${applicationId} ${attempt}`
const nameOf = ({ applicationId, day }: Day): string => `${applicationId} ${day}`

function daysThatDiffer(one: readonly AttemptDay[], other: readonly AttemptDay[]): readonly Day[] {
  const [ones, others] = [one, other].map((days) => new Map(days.map((day) => [nameOf(day), day])))
  return [...one, ...other.filter((day) => !ones?.has(nameOf(day)))].filter((day) => {
    const [a, b] = [ones?.get(nameOf(day)), others?.get(nameOf(day))]
    return a?.attempts !== b?.attempts || a?.digest !== b?.digest
  })
}

const daysOf = (differences: readonly AttemptDifference[]): readonly Day[] => [
  ...new Map(differences.map((difference) => [nameOf(difference), difference])).values(),
]

async function namesThatDiffer({ shadow, analytics }: AnalyticsCheck, days: readonly Day[]): Promise<AttemptDifference[]> {
  const differences: AttemptDifference[] = []
  for (const { applicationId, day } of days) {
    const inStatus = new Set(await shadow.attemptsOf({ applicationId, day }))
    const inAnalytics = new Set(await analytics.attemptsOf({ applicationId, day }))
    for (const attempt of inStatus) if (!inAnalytics.has(attempt)) differences.push({ applicationId, day, attempt, kind: "missing" })
    for (const attempt of inAnalytics) if (!inStatus.has(attempt)) differences.push({ applicationId, day, attempt, kind: "extra" })
  }
  return differences
}

/** Waits until both views have taken in what the log has now; answers how many records are left when that takes too long. */
async function bothTakeIn({ log, shadow, signal }: AnalyticsCheck): Promise<number> {
  const ends = new Map<string, number>()
  for (const topic of ANALYTICS_TOPICS) for (const { partition, high } of await log.ends(topic)) ends.set(`${topic}/${partition}`, high)
  const left = (at: readonly { readonly topic: string; readonly partition: number; readonly next: number }[]): number =>
    at.reduce((sum, { topic, partition, next }) => sum + Math.max(0, (ends.get(`${topic}/${partition}`) ?? 0) - next), 0)
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const committed = await log.lag(GROUPS.clickhouse, ANALYTICS_TOPICS)
    const behind = left(await shadow.livePositions()) + left(committed.map((each) => ({ ...each, next: each.committed })))
    if (behind === 0 || waitedMs >= limits.VERIFY_WAIT_MS) return behind
    await wait(POLL_MS, undefined, { signal })
  }
}
