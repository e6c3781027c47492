import type { Finding, FindingKind, LateDelivery, LogPlace, Refusal, SuspectDelivery, SuspectEvent } from "@posthorn/core"
import type { GetConservationRequest, GetConservationResponse } from "@posthorn/proto"
import type { Tenancy } from "./tenancy.ts"

/** Answers what the check found. */
export interface ConservationReader {
  /** As the lists of `StatusReader`, by hour. */
  getConservation(tenancy: Tenancy, request: GetConservationRequest): Promise<GetConservationResponse | Refusal>
  conservationSummary(): Promise<ConservationSummary>
}

export interface ConservationSummary {
  /** When the last check ended, Unix milliseconds; `undefined` = there was none. */
  readonly checkedAtMs: number | undefined
  /** How many findings there are, by kind; kinds without any are left out. */
  readonly findings: ReadonlyMap<FindingKind, number>
}

/** An hour of acceptance, by Unix milliseconds of its beginning. */
export interface HourQuery {
  readonly hourMs: number
  readonly nowMs: number
  /** How far the router has come, by partition of its topics. */
  readonly routed: readonly LogPlace[]
}

/** What does not look right in an hour; the rest of it has been counted. At most `CONSERVATION_FINDINGS_MAX` of a kind. */
export interface HourSuspects {
  /** Events that the router has passed, and that have too few deliveries. */
  readonly events: readonly SuspectEvent[]
  /** Deliveries that are dead without a dead letter. */
  readonly unburied: readonly SuspectDelivery[]
  /** Deliveries that count more attempts than are known, with how many are known. */
  readonly holes: readonly (SuspectDelivery & { readonly known: number })[]
}

export interface NewFinding {
  readonly finding: Finding
  /** Of its delivery; `undefined` = it is about the event. */
  readonly sequence: number | undefined
  /** When the log took the last record that is known of it; `undefined` = not known. */
  readonly appendedAtMs: number | undefined
}

export interface Late {
  readonly late: LateDelivery
  readonly sequence: number
}

/**
 * Keeps the books of the check that every accepted event is accounted for. Whoever checks does so alone, see `MutualExclusion`.
 * An hour is looked at until nothing is left to come, and again whenever a projection adds something to it.
 */
export interface ConservationBooks {
  /** Where the projection is: the next offset by topic and partition, of those that were projected. */
  projected(): Promise<readonly LogPlace[]>
  /** Hours to look at, oldest first, at most `CONSERVATION_HOURS_MAX`: of those with events that began before a time, those that may have changed. */
  openHours(options: { readonly beganBeforeMs: number; readonly nowMs: number }): Promise<readonly number[]>
  /** Counts an hour, and answers what does not look right in it. */
  lookAt(query: HourQuery): Promise<HourSuspects>
  /** What a look at an hour came to; takes the place of what the one before found. Answers the findings that are new. */
  closeLook(hourMs: number, findings: readonly NewFinding[], nowMs: number): Promise<readonly Finding[]>
  /** Deliveries whose next attempt was due before a time, whose subscription is not paused and whose breaker does not explain it; by due time, from behind a place on. */
  overdue(query: {
    readonly dueBeforeMs: number
    readonly nowMs: number
    readonly after: OverduePlace | undefined
  }): Promise<readonly SuspectDelivery[]>
  /** Those of these deliveries that have not moved on. */
  unmoved(suspects: readonly SuspectDelivery[]): Promise<readonly SuspectDelivery[]>
  /** What the search for overdue deliveries came to. Answers the findings that are new. */
  closeSearch(lost: readonly NewFinding[], late: readonly Late[], nowMs: number): Promise<readonly Finding[]>
  /** Ends a check: what waits is counted anew, what has moved on is no finding any more, and what is old goes. */
  closeCheck(nowMs: number): Promise<void>
}

export interface OverduePlace {
  readonly dueAtMs: number
  readonly deliveryId: string
}
