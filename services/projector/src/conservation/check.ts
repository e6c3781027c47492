import { setTimeout as wait } from "node:timers/promises"
import {
  EVENT_TOPICS,
  judgeEvent,
  judgeHoles,
  judgeOverdue,
  judgeUnburied,
  limits,
  placeName,
  type Finding,
  type LogPlace,
  type SuspectDelivery,
} from "@posthorn/core"
import type { LogGroups, LogReader } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import type { ConservationBooks, HourSuspects, Late, NewFinding, OverduePlace } from "@posthorn/store"
import { readEnds, readReach, type LogReach } from "./log-reach.ts"
import { searchLog } from "./search-log.ts"

export interface CheckOptions {
  readonly log: LogReader & LogGroups
  readonly books: ConservationBooks
  readonly clock: Clock
  /** How long an attempt must be overdue before it is looked for. */
  readonly graceMs: number
  /** `closed`: only hours that have been over for as long; `all`: the present one too, which is counted anew every time. */
  readonly hours: "closed" | "all"
  /** How long to wait for the views; default `CONSERVATION_WAIT_MS`. */
  readonly waitMs?: number
}

export type Checked =
  | {
      readonly kind: "done"
      /** What was not known to the check before. */
      readonly found: readonly Finding[]
      /** Overdue deliveries that this check could not look for, because there was too much to read. */
      readonly unsearched: number
    }
  /** The views did not come to hold in time what the log held, or the check was told to stop: nothing was judged. */
  | { readonly kind: "behind" }

interface Look {
  readonly hourMs: number
  readonly suspects: HourSuspects
}

const HOUR_MS = 3600 * 1000
const POLL_MS = 200
/** What the views have to hold before anything is said to be missing. */
const EVIDENCE_TOPICS = [...EVENT_TOPICS, "attempts", "dead-letters"] as const

/** Looks, again and again, whether every accepted event is accounted for. One check at a time, whoever makes it. */
export class ConservationCheck {
  readonly #options: CheckOptions
  /** Where the next search for overdue deliveries goes on. */
  #after: OverduePlace | undefined

  constructor(options: CheckOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<Checked> {
    const { log, books, clock, hours, graceMs } = this.#options
    // In this order: what the stages did about the records behind them is before these ends, and the views are waited for to hold it.
    const reach = await readReach(log)
    if (!(await this.#viewsHold(await readEnds(log, EVIDENCE_TOPICS), signal))) return { kind: "behind" }
    const nowMs = clock.nowMs()
    const beganBeforeMs = hours === "all" ? nowMs : nowMs - graceMs - HOUR_MS + 1
    const looks: Look[] = []
    for (const hourMs of await books.openHours({ beganBeforeMs, nowMs })) {
      if (signal.aborted) return { kind: "behind" }
      looks.push({ hourMs, suspects: await books.lookAt({ hourMs, nowMs, routed: reach.routed }) })
    }
    const overdue = await books.overdue({ dueBeforeMs: nowMs - graceMs, nowMs, after: this.#after })
    const suspects = [...overdue, ...looks.flatMap((look) => look.suspects.unburied)]
    const search = suspects.length === 0 ? undefined : await searchLog({ log, suspects, reach, signal })
    const of = (suspect: SuspectDelivery) => search?.of(suspect) ?? ({ kind: "not searched" } as const)
    if (signal.aborted) return { kind: "behind" }
    const found: Finding[] = []
    for (const { hourMs, suspects: each } of looks) {
      const findings = findingsOf(each, { reach, of })
      found.push(...(await books.closeLook(hourMs, await this.#dated(findings), nowMs)))
    }
    found.push(...(await this.#judgeOverdue(overdue, of, nowMs)))
    this.#after = overdue.length < limits.CONSERVATION_SUSPECTS_MAX ? undefined : placeOf(overdue.at(-1))
    await books.closeCheck(nowMs)
    return { kind: "done", found, unsearched: suspects.filter((suspect) => of(suspect).kind === "not searched").length }
  }

  async #judgeOverdue(overdue: readonly SuspectDelivery[], of: SearchOf, nowMs: number): Promise<readonly Finding[]> {
    const { books } = this.#options
    const lost: Judged[] = []
    const late: Late[] = []
    // What has gone on since it was asked for was neither.
    for (const suspect of await books.unmoved(overdue)) {
      const judgement = judgeOverdue(suspect, of(suspect))
      const { sequence } = suspect
      if (judgement.kind === "lost") lost.push({ finding: judgement.finding, sequence })
      if (judgement.kind === "late") late.push({ late: judgement.late, sequence })
    }
    return books.closeSearch(await this.#dated(lost), late, nowMs)
  }

  async #viewsHold(ends: readonly LogPlace[], signal: AbortSignal): Promise<boolean> {
    const { books, clock, waitMs = limits.CONSERVATION_WAIT_MS } = this.#options
    const untilMs = clock.monotonicMs() + waitMs
    while (!signal.aborted) {
      const projected = new Map((await books.projected()).map((place) => [partitionName(place), place.offset]))
      if (ends.every((end) => end.offset <= (projected.get(partitionName(end)) ?? 0))) return true
      if (clock.monotonicMs() >= untilMs) return false
      await wait(POLL_MS)
    }
    return false
  }

  /** With when the log took the last record that is known of each; the log may have let it go. */
  async #dated(findings: readonly Judged[]): Promise<readonly NewFinding[]> {
    const { log } = this.#options
    const ranges = findings.flatMap(({ finding: { place } }) =>
      place ? [{ topic: place.topic, partition: place.partition, from: place.offset, to: place.offset + 1 }] : [],
    )
    const times = new Map<string, number>()
    if (ranges.length > 0)
      await log.read(ranges, (records) => {
        for (const record of records) times.set(placeName(record), record.appendedAtMs)
      })
    return findings.map((each) => ({ ...each, appendedAtMs: each.finding.place && times.get(placeName(each.finding.place)) }))
  }
}

type SearchOf = (suspect: SuspectDelivery) => Parameters<typeof judgeOverdue>[1]
type Judged = Omit<NewFinding, "appendedAtMs">

function findingsOf(
  { events, unburied, holes }: HourSuspects,
  { reach, of }: { readonly reach: LogReach; readonly of: SearchOf },
): readonly Judged[] {
  const reached = new Map(reach.routed.map((place) => [partitionName(place), place.offset]))
  const judged: { readonly finding: Finding | undefined; readonly sequence: number | undefined }[] = [
    ...events.map((event) => ({ finding: judgeEvent(event, (place) => reached.get(partitionName(place)) ?? 0), sequence: undefined })),
    ...unburied.map((suspect) => ({ finding: judgeUnburied(suspect, of(suspect)), sequence: suspect.sequence })),
    ...holes.map((suspect) => ({ finding: judgeHoles(suspect, suspect.known), sequence: suspect.sequence })),
  ]
  return judged.flatMap(({ finding, sequence }) => (finding ? [{ finding, sequence }] : []))
}

const partitionName = ({ topic, partition }: Pick<LogPlace, "topic" | "partition">): string => `${topic}/${partition}`

const placeOf = (suspect: SuspectDelivery | undefined): OverduePlace | undefined =>
  suspect?.dueAtMs === undefined ? undefined : { dueAtMs: suspect.dueAtMs, deliveryId: suspect.deliveryId }
