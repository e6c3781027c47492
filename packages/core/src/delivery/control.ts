import { create } from "@bufbuild/protobuf"
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import {
  ControlRecordSchema,
  DeliveryDueSchema,
  DeliveryFactsSchema,
  DeliveryState,
  type Actor,
  type ControlRecord,
  type Delivery,
  type DeliveryDue,
  type EventAccepted,
} from "@posthorn/proto"

/** Whether a delivery waits for an attempt. */
export const isWaiting = ({ state }: Delivery): boolean => state === DeliveryState.SCHEDULED || state === DeliveryState.RETRYING

export interface Wanted {
  readonly actor: Actor
  readonly nowMs: number
}

/** Somebody wants the try that a delivery waits for not to be made. */
export function decideCancelTry(delivery: Delivery, { actor, nowMs, reason }: Wanted & { readonly reason: string }): ControlRecord {
  const { id: deliveryId, applicationId, eventId, subscriptionId, eventType, createdAt, retentionHours, round, attemptCount } = delivery
  const facts = { deliveryId, applicationId, eventId, subscriptionId, eventType, retentionHours, ...(createdAt ? { createdAt } : {}) }
  const value = {
    delivery: create(DeliveryFactsSchema, facts),
    round,
    attempt: attemptCount + 1,
    dueAt: delivery.nextAttemptAt ?? timestampFromMs(nowMs),
    reason,
    requestedAt: timestampFromMs(nowMs),
    actor,
  }
  return create(ControlRecordSchema, { record: { case: "cancel", value } })
}

/** What is known of a delivery that waits. */
export interface WaitingDelivery {
  readonly delivery: Delivery
  readonly event: EventAccepted
  /** The first attempt of its round; `undefined` = none has ended. */
  readonly roundFirst: { readonly number: number; readonly startedAt: Timestamp | undefined } | undefined
}

/**
 * Somebody wants the try that a delivery waits for to be made now. It is the try of its schedule, which goes on from there as it would have.
 * `configPosition`: the next offset of `config` that whoever decides will read.
 */
export function decideRunTry(
  waiting: WaitingDelivery,
  { actor, nowMs, configPosition }: Wanted & { readonly configPosition: number },
): ControlRecord {
  const { delivery } = waiting
  const now = timestampFromMs(nowMs)
  const due = create(DeliveryDueSchema, {
    ...lastTryOf(waiting),
    attempt: delivery.attemptCount + 1,
    roundFirstAttempt: waiting.roundFirst?.number ?? delivery.attemptCount + 1,
    dueAt: now,
    hastened: true,
    ...(waiting.roundFirst?.startedAt ? { firstAttemptAt: waiting.roundFirst.startedAt } : {}),
    // The first round goes by its event. Of another it is not known any more, and somebody wants it now.
    ...(delivery.round > 1 ? { configPosition: BigInt(configPosition), roundBeganAt: waiting.roundFirst?.startedAt ?? now } : {}),
  })
  const value = { due, dueAt: delivery.nextAttemptAt ?? now, requestedAt: now, actor }
  return create(ControlRecordSchema, { record: { case: "run", value } })
}

/** The last try that was made of a delivery, as far as a new one depends on it. */
export function lastTryOf({ delivery, event }: Pick<WaitingDelivery, "delivery" | "event">): DeliveryDue {
  return create(DeliveryDueSchema, {
    deliveryId: delivery.id,
    subscriptionId: delivery.subscriptionId,
    round: delivery.round,
    attempt: delivery.attemptCount,
    event,
    ...(delivery.createdAt ? { createdAt: delivery.createdAt } : {}),
  })
}
