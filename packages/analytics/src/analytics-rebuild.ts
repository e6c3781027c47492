import type { AnalyticsWriter } from "./analytics-store.ts"

/** A partition of the log with the next offset to take in. */
export interface AnalyticsPosition {
  readonly topic: string
  readonly partition: number
  readonly next: number
}

/** What was done to a day of a table: what was there replaced wholly, added to, or removed because the log knows nothing of that day. */
export interface DayDone {
  readonly table: string
  /** `YYYYMMDD`, UTC. */
  readonly day: string
  readonly done: "replaced" | "added to" | "removed"
}

/** Attempts that ended on a day, counted and summed up. Two with the same attempts are equal, and others are not, but for chances of one in billions. */
export interface AttemptDay {
  readonly applicationId: string
  /** `YYYYMMDD`, UTC, of the making of the delivery. */
  readonly day: string
  readonly attempts: number
  /** Sum over the first four bytes of the MD5 of every attempt's name. */
  readonly digest: number
}

/** Analytics that is made anew from the log beside the live one, and then takes its place day by day. All reject with `AnalyticsUnavailable`. */
export interface AnalyticsRebuild {
  /** Makes the second database unless it is there; `anew` = forgets what there is of it. */
  open(anew: boolean): Promise<void>
  /** How far the second database is; partitions that were never begun are left out. */
  positions(): Promise<readonly AnalyticsPosition[]>
  /** The second database's tables. */
  readonly made: AnalyticsWriter
  /** Remembers how far the second database is. */
  reached(position: AnalyticsPosition): Promise<void>
  /**
   * Puts the second database's days in the place of the live ones'. Of days that begin before `coveredSinceMs` the log may have let go of something:
   * those keep what they have, and get what they lack. Rows that came into the live tables meanwhile may be gone afterwards: insert again into
   * `live` what the log has behind `positions`.
   */
  swap(coveredSinceMs: number): Promise<readonly DayDone[]>
  /** The live tables. */
  readonly live: AnalyticsWriter
  /** Attempts of deliveries that were made since then, by application and day, each once. */
  attemptDays(sinceMs: number): Promise<readonly AttemptDay[]>
  /** The names of a day's attempts, `delivery/number`. */
  attemptsOf(day: Pick<AttemptDay, "applicationId" | "day">): Promise<readonly string[]>
  /** Removes the second database. */
  drop(): Promise<void>
  close(): Promise<void>
}
