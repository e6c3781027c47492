import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  AttemptRecordSchema,
  DeliveryDueSchema,
  DeliveryState,
  ReplaySelection,
  type AttemptRecord,
  type Delivery,
  type DeliveryDue,
  type EventAccepted,
} from "@posthorn/proto"
import { deliveryIdOf } from "../ids.ts"
import { isWaiting, lastTryOf } from "./control.ts"
import { factsOf } from "./decide.ts"
import { decideRequeue, requeuedRecord, type Requeue, type Requeued } from "./requeue.ts"

/** An event that is to be sent to a subscription again, or for the first time. */
export interface Replay {
  readonly event: EventAccepted
  readonly subscriptionId: string
  /** `undefined` = the subscription never had the event. */
  readonly delivery: Delivery | undefined
  readonly selection: ReplaySelection
}

/** `on its way`: it is left alone. `not selected`: it is not among what is wanted. */
export type ReplayDecision = Requeued | "on its way" | "not selected"

/** What a replay does about one delivery, in the lower class. */
export function decideReplay({ event, subscriptionId, delivery, selection }: Replay, how: Requeue): ReplayDecision {
  // Its deliveries wait for that time, or the router makes them wait.
  if (event.deliverAt !== undefined && timestampMs(event.deliverAt) > how.nowMs) return "on its way"
  if (delivery !== undefined && isWaiting(delivery)) return "on its way"
  if (!isSelected(delivery, selection)) return "not selected"
  if (delivery === undefined) return firstRound(event, subscriptionId, how)
  return decideRequeue(lastTryOf({ delivery, event }), { ...how, bulk: true })
}

function isSelected(delivery: Delivery | undefined, selection: ReplaySelection): boolean {
  switch (selection) {
    case ReplaySelection.NOT_DELIVERED:
      return delivery?.state !== DeliveryState.DELIVERED
    case ReplaySelection.DEAD:
      return delivery?.state === DeliveryState.DEAD
    case ReplaySelection.CANCELLED:
      return delivery?.state === DeliveryState.CANCELLED
    default:
      return true
  }
}

/** The first round of a delivery that the router did not make. Its time is the event's, as if it had. */
function firstRound(event: EventAccepted, subscriptionId: string, { nowMs, configPosition, taskId, actor }: Requeue): Requeued {
  const now = timestampFromMs(nowMs)
  const due = create(DeliveryDueSchema, {
    deliveryId: deliveryIdOf(event.eventId, subscriptionId),
    subscriptionId,
    round: 1,
    attempt: 1,
    roundFirstAttempt: 1,
    event,
    dueAt: now,
    roundBeganAt: now,
    configPosition: BigInt(configPosition),
    bulk: true,
    taskId,
    ...(event.acceptedAt ? { createdAt: event.acceptedAt } : {}),
  })
  return { due, record: begunRecord(due, taskId || actor.id) }
}

/**
 * The word that a round has begun, from its first try: for whoever finds the try and does not know whether that was said. `by` is the task, or the
 * key of the person who asked.
 */
export function begunRecord(due: DeliveryDue, by: string): AttemptRecord {
  if (due.round > 1) return requeuedRecord(due, { id: by })
  const { dueAt } = due
  const value = { delivery: factsOf(due), taskId: by, ...(dueAt ? { firstDueAt: dueAt } : {}) }
  return create(AttemptRecordSchema, { record: { case: "created", value } })
}
