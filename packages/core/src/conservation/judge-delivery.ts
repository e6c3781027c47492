import { RETRY_TIERS, type RetryTier } from "../topics.ts"
import { placeName, type Finding, type LateDelivery, type LogPlace } from "./finding.ts"

/** A delivery that does not go on as it should, as far as the views know. */
export interface SuspectDelivery {
  readonly applicationId: string
  readonly eventId: string
  readonly deliveryId: string
  readonly subscriptionId: string
  /** When its event was accepted, Unix milliseconds. */
  readonly acceptedAtMs: number
  readonly round: number
  /** Attempts that ended. */
  readonly attemptCount: number
  /** When the next attempt is due, Unix milliseconds; `undefined` = it waits for none. */
  readonly dueAtMs: number | undefined
  /** Orders the states of one delivery: whether it has moved on. */
  readonly sequence: number
  /** The last record that is known of it. */
  readonly place: LogPlace | undefined
}

/** What a search of the log for the tries of a delivery came to. */
export type Searched =
  | { readonly kind: "found"; readonly place: LogPlace }
  | { readonly kind: "nowhere" }
  /** There was more to read than a search may: nothing can be said. */
  | { readonly kind: "not searched" }

export type Judgement =
  | { readonly kind: "lost"; readonly finding: Finding }
  | { readonly kind: "late"; readonly late: LateDelivery }
  | { readonly kind: "open" }

/** Whether a delivery whose next attempt is past its time is lost, or only late. */
export function judgeOverdue(suspect: SuspectDelivery, searched: Searched): Judgement {
  if (searched.kind === "not searched") return { kind: "open" }
  const due = suspect.dueAtMs === undefined ? "" : ` was due at ${new Date(suspect.dueAtMs).toISOString()}`
  const attempt = `Attempt ${suspect.attemptCount + 1}${due}`
  if (searched.kind === "found")
    return { kind: "late", late: { ...factsOf(suspect), reason: `${attempt}. ${waitsAt(searched.place)}`, place: searched.place } }
  const reason = `${attempt}, and nothing in the log will carry it on.`
  return { kind: "lost", finding: { ...factsOf(suspect), kind: "try_lost", reason, place: suspect.place } }
}

/** Whether a delivery that is dead and has no dead letter will still get it: whoever makes a try again that has ended writes the letter again. */
export function judgeUnburied(suspect: SuspectDelivery, searched: Searched): Finding | undefined {
  if (searched.kind !== "nowhere") return undefined
  const reason = `Round ${suspect.round} is dead, and no dead letter tells of it: it cannot be redriven.`
  return { ...factsOf(suspect), kind: "dead_without_letter", reason, place: suspect.place }
}

/** A delivery some of whose attempts are unknown. @param known how many are known */
export function judgeHoles(suspect: SuspectDelivery, known: number): Finding {
  const reason = `It counts ${suspect.attemptCount} attempts, and ${known} are known.`
  return { ...factsOf(suspect), kind: "attempts_with_holes", reason, place: suspect.place }
}

function factsOf({
  applicationId,
  eventId,
  deliveryId,
  subscriptionId,
  acceptedAtMs,
}: SuspectDelivery): Omit<LateDelivery, "place" | "reason"> {
  return { applicationId, eventId, deliveryId, subscriptionId, acceptedAtMs }
}

const isTier = (topic: string): topic is RetryTier => RETRY_TIERS.some((tier) => tier === topic)

function waitsAt(place: LogPlace): string {
  const at = placeName(place)
  if (place.topic === "parked") return `It waits at ${at} until its subscription is resumed and the backlog is worked off.`
  if (isTier(place.topic)) return `It waits at ${at}: it was put off, or the retry tier is behind.`
  if (place.topic === "control") return `Somebody asked for it at ${at}, which its worker has not finished.`
  return `It waits for its turn at ${at}, which its worker has not finished.`
}
