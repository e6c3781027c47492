import type { Topic } from "../topics.ts"

/** Kinds of what the log and the views hold and cannot account for. */
export const FINDING_KINDS = ["not_routed", "delivery_missing", "try_lost", "dead_without_letter", "attempts_with_holes"] as const
export type FindingKind = (typeof FINDING_KINDS)[number]

/** Where a record is in the log. */
export interface LogPlace {
  readonly topic: Topic
  readonly partition: number
  readonly offset: number
}

/** Something that should be there and is not. */
export interface Finding {
  readonly kind: FindingKind
  readonly applicationId: string
  readonly eventId: string
  /** Empty = it is about the event. */
  readonly deliveryId: string
  readonly subscriptionId: string
  /** When the event was accepted, Unix milliseconds. */
  readonly acceptedAtMs: number
  /** For people: what is missing. */
  readonly reason: string
  /** The last record that is known of it; `undefined` = written before positions were kept. */
  readonly place: LogPlace | undefined
}

/** A delivery that is past its time and on its way all the same. */
export interface LateDelivery extends Omit<Finding, "kind" | "place"> {
  /** Where what carries it on waits. */
  readonly place: LogPlace
}

export const placeName = ({ topic, partition, offset }: LogPlace): string => `${topic}/${partition}/${offset}`
