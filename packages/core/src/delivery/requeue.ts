import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { AttemptRecordSchema, DeliveryDueSchema, type Actor, type AttemptRecord, type DeliveryDue } from "@posthorn/proto"
import { factsOf } from "./decide.ts"

export interface Requeue {
  readonly nowMs: number
  /** The next offset of `config` that whoever begins the round will read. */
  readonly configPosition: number
  readonly actor: Actor
  /** The task that does it, in the lower class; empty = a person does it to this one, and it goes before what waits. */
  readonly taskId: string
}

export interface Requeued {
  /** For `deliveries` or `deliveries.bulk`. */
  readonly due: DeliveryDue
  /** For `attempts`. */
  readonly record: AttemptRecord
}

/** A new round of a delivery that has ended, from the last try that was made of it: the same identity, attempts go on counting. */
export function decideRequeue(last: DeliveryDue, { nowMs, configPosition, actor, taskId }: Requeue): Requeued {
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
    bulk: taskId !== "",
    hastened: taskId === "",
    ...(event ? { event } : {}),
    ...(createdAt ? { createdAt } : {}),
  })
  const value = { delivery: factsOf(due), round: due.round, attemptCount: last.attempt, dueAt: now, requeuedAt: now, taskId, actor }
  return { due, record: create(AttemptRecordSchema, { record: { case: "requeued", value } }) }
}
