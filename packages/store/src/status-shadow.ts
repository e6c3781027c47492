import type { Topic } from "@posthorn/core"
import type { PartitionName, StatusProjection } from "./status-store.ts"

/** How far a view has got in a partition. */
export interface ViewPosition extends PartitionName {
  /** The next offset to project. */
  readonly next: number
}

/** Projects into the shadow until it is exactly at these positions. */
export type CatchUp = (positions: readonly ViewPosition[]) => Promise<void>

/**
 * From when on the log has every record of a topic, Unix milliseconds by the clocks of those who made the records; 0 = from the first.
 * Topics that are not named count as whole.
 */
export type Coverage = Partial<Readonly<Record<Topic, number>>>

/** A second status view in the same database, made from the log beside the live one, which nobody is kept from using. */
export interface StatusShadow extends StatusProjection {
  /** Makes the shadow unless it is there; `anew` = forgets what there is of it. */
  open(anew: boolean): Promise<void>
  /** How far the live view is: a shadow must not go further, because what cannot be read is dealt with by whoever projects into the live one. */
  livePositions(): Promise<readonly ViewPosition[]>
  /** How far the shadow itself is. */
  ownPositions(): Promise<readonly ViewPosition[]>
  /**
   * Compares the two at the same positions: `catchUp` runs while nobody can project into the live view, so little should be left to do for it.
   * The comparison itself keeps nobody waiting.
   */
  compare(catchUp: CatchUp, options: ComparisonOptions): Promise<readonly TableComparison[]>
  /** Makes what filling goes faster without, and readers need: indexes. May be done again. */
  finish(): Promise<void>
  /** Takes over from the live view what the log has let go. May be done again. Answers how many rows, by table. */
  carryOver(coverage: Coverage): Promise<ReadonlyMap<string, number>>
  /** Puts the shadow in the live view's place, at the same positions, in one transaction. What was live is in the schema `posthorn_old` then. */
  swap(catchUp: CatchUp): Promise<Swapped>
  /** Hours for which the application that wants it shortest has its rows kept; `undefined` = none says. */
  shortestRetention(): Promise<number | undefined>
  /** Attempts that the live view has of deliveries that were made since then, by application and day. */
  attemptDays(sinceMs: number): Promise<readonly AttemptDay[]>
  /** The names of a day's attempts, `delivery/number`. */
  attemptsOf(day: Pick<AttemptDay, "applicationId" | "day">): Promise<readonly string[]>
  /** Removes the shadow. */
  drop(): Promise<void>
  /** Removes what was live before a swap. Rejects when something that is not of Posthorn depends on it. */
  dropOld(): Promise<void>
  close(): Promise<void>
}

export interface ComparisonOptions {
  readonly coverage: Coverage
  /** Unix milliseconds. */
  readonly nowMs: number
  /** As the live view's keeper has it: what is older may be gone from there. */
  readonly retentionHours: number
  /** Most differences to answer for each table. */
  readonly differencesMax: number
}

export interface TableComparison {
  readonly table: string
  /** Whether its rows only follow from those of other tables. */
  readonly derived: boolean
  /** Rows of the live view, and of what the log makes of it, within what both can have. */
  readonly live: number
  readonly fromLog: number
  /** How many rows differ, by how. */
  readonly missing: number
  readonly extra: number
  readonly different: number
  readonly differences: readonly RowDifference[]
}

export interface RowDifference {
  /** The row's key, its parts separated by spaces. */
  readonly id: string
  /** `missing` from the live view although the log has it; `extra` there although the log knows nothing of it. */
  readonly kind: "missing" | "extra" | "different"
  /** Columns that differ. */
  readonly columns: readonly string[]
}

export interface Swapped {
  /** What the new view could not be given of the old one's, for people. */
  readonly notes: readonly string[]
}

/** Attempts of deliveries that were made on a day, counted and summed up; analytics says the same of its own. */
export interface AttemptDay {
  readonly applicationId: string
  /** `YYYYMMDD`, UTC. */
  readonly day: string
  readonly attempts: number
  /** Sum over the first four bytes of the MD5 of every attempt's name. */
  readonly digest: number
}
