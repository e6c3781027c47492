import { create } from "@bufbuild/protobuf"
import { decodeRecord, foldStatus, type DeliveryRow } from "@posthorn/core"
import type { LogRecord } from "@posthorn/log"
import { DeliveryChangeSchema, DeliverySchema, FinishedAttemptSchema, type Delivery, type DeliveryChange } from "@posthorn/proto"

/** What a record of `attempts` says that became of a delivery; `undefined` when it says nothing of that, or cannot be read. */
export function changeOf({ topic, partition, offset, value }: LogRecord): DeliveryChange | undefined {
  const decoded = decodeRecord(topic, value)
  if ("undecodable" in decoded) return undefined
  const [row] = foldStatus([{ ...decoded, partition, offset }], []).deliveries
  if (row === undefined) return undefined
  const { lastAttempt } = row
  if (lastAttempt === undefined) return create(DeliveryChangeSchema, { delivery: deliveryOf(row) })
  const { number, outcome, errorClass, statusCode, durationMs } = lastAttempt
  const attempt = create(FinishedAttemptSchema, { number, outcome, errorClass, statusCode, durationMs })
  return create(DeliveryChangeSchema, { delivery: deliveryOf(row), attempt })
}

function deliveryOf({ facts, state, round, attemptCount, nextAttemptAt, finishedAt, reason, lastAttempt }: DeliveryRow): Delivery {
  const { deliveryId, applicationId, eventId, subscriptionId, eventType, createdAt } = facts
  return create(DeliverySchema, {
    id: deliveryId,
    applicationId,
    eventId,
    subscriptionId,
    eventType,
    state,
    round,
    attemptCount,
    reason,
    lastStatusCode: lastAttempt?.statusCode ?? 0,
    lastError: lastAttempt?.error ?? "",
    lastErrorClass: lastAttempt?.errorClass ?? 0,
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  })
}
