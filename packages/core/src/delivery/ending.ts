import { create } from "@bufbuild/protobuf"
import { timestampDate, timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import {
  DeadLetterState,
  DeliveryEndingSchema,
  DeliveryState,
  type Delivery,
  type DeliveryEnding,
  type Subscription,
} from "@posthorn/proto"
import { TOPIC_FACTS } from "../topics.ts"
import { REASONS } from "./decide.ts"

/** The dead letter of the round that a delivery ended with. */
export interface DeadLetterStanding {
  readonly state: DeadLetterState
  /** See `DeadLetter.position`. */
  readonly position: string
  readonly diedAt: Timestamp
}

export interface EndingFacts {
  /** `undefined` = there is none, or it is not kept any more. */
  readonly deadLetter: DeadLetterStanding | undefined
  /** As it is now; `undefined` = it is gone. */
  readonly subscription: Subscription | undefined
}

/** Why a delivery that is dead or cancelled has no further attempt, and what can be done about it; absent for any other. */
export function endingOf(delivery: Delivery, { deadLetter, subscription }: EndingFacts): DeliveryEnding | undefined {
  if (delivery.state !== DeliveryState.DEAD && delivery.state !== DeliveryState.CANCELLED) return undefined
  const until = deadLetter && redriveUntil(deadLetter)
  return create(DeliveryEndingSchema, {
    text: `${whyEnded(delivery)} ${remedy({ deadLetter, subscription }, until)}`,
    ...(deadLetter ? { deadLetterState: deadLetter.state, deadLetterPosition: deadLetter.position } : {}),
    ...(until ? { redriveUntil: until } : {}),
  })
}

/** The log keeps what is redriven so long; what is settled is not redriven. */
function redriveUntil({ state, diedAt }: DeadLetterStanding): Timestamp | undefined {
  const { retentionMs } = TOPIC_FACTS["dead-letters"]
  return state === DeadLetterState.OPEN && retentionMs !== undefined ? timestampFromMs(timestampMs(diedAt) + retentionMs) : undefined
}

function whyEnded({ state, reason, lastError, attemptCount }: Delivery): string {
  const last = lastError === "" ? "" : ` The last of ${attemptCount} attempts: ${lastError}.`
  switch (reason) {
    case REASONS.exhausted:
      return `Its schedule is used up.${last}`
    case REASONS.gone:
      return "The endpoint answered 410 Gone: it wants nothing any more, and its subscription was disabled."
    case REASONS.disabled:
      return "Its subscription was disabled before it was delivered."
    case REASONS.deleted:
      return "Its subscription was deleted before it was delivered."
    case REASONS.cancelled:
      return "Somebody cancelled it."
    default:
      return state === DeliveryState.CANCELLED ? `Somebody cancelled it: ${reason}.` : `It cannot be sent: ${reason}.`
  }
}

function remedy({ deadLetter, subscription }: EndingFacts, until: Timestamp | undefined): string {
  if (subscription === undefined) return "The subscription is gone: nothing can be sent to it any more."
  const first = subscription.enabled === false ? "Enable the subscription; then retry it" : "Retry it"
  if (until !== undefined) return `${first}, or redrive its dead letter until ${timestampDate(until).toISOString()}.`
  const discarded = deadLetter?.state === DeadLetterState.DISCARDED ? " Its dead letter was discarded." : ""
  return `${first} to begin a new round.${discarded}`
}
