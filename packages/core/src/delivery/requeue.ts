import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { AttemptRecordSchema, DeliveryDueSchema, type Actor, type AttemptRecord, type DeliveryDue } from "@posthorn/proto"
import { factsOf } from "./decide.ts"

export interface Requeue {
  readonly nowMs: number
  /** The next offset of `config` that whoever begins the round will read. */
  readonly configPosition: number
  readonly actor: Actor
  /** The task that does it; empty = a person does. */
  readonly taskId: string
  /** Whether it goes in the lower class; default whatever a task does. What a person does otherwise goes before what waits. */
  readonly bulk?: boolean
}

export interface Requeued {
  /** For `deliveries` or `deliveries.bulk`. */
  readonly due: DeliveryDue
  /** For `attempts`. */
  readonly record: AttemptRecord
}

/** A new round of a delivery that has ended, from the last try that was made of it: the same identity, attempts go on counting. */
export function decideRequeue(last: DeliveryDue, { nowMs, configPosition, actor, taskId, bulk = taskId !== "" }: Requeue): Requeued {
  const now = timestampFromMs(nowMs)
  const attempt = last.attempt + 1
  const { deliveryId, subscriptionId, event, createdAt } = last
  const due = create(DeliveryDueSchema, {
    deliveryId,
    subscriptionId,
    round: last.round + 1,
    attempt,
    roundFirstAttempt: attempt,
    dueAt: now,
    roundBeganAt: now,
    configPosition: BigInt(configPosition),
    bulk,
    hastened: !bulk,
    taskId,
    ...(event ? { event } : {}),
    ...(createdAt ? { createdAt } : {}),
  })
  return { due, record: requeuedRecord(due, actor) }
}

/** The word that a round has begun, from its first try. */
export function requeuedRecord(due: DeliveryDue, actor: { readonly id: string; readonly requestId?: string }): AttemptRecord {
  const { round, attempt, taskId, dueAt, roundBeganAt } = due
  const value = {
    delivery: factsOf(due),
    round,
    attemptCount: attempt - 1,
    taskId,
    actor,
    ...(dueAt ? { dueAt } : {}),
    ...(roundBeganAt ? { requeuedAt: roundBeganAt } : {}),
  }
  return create(AttemptRecordSchema, { record: { case: "requeued", value } })
}
