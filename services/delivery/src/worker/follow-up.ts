import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { followOf, letterOf, tierFor } from "@posthorn/core"
import type { NewRecord } from "@posthorn/log"
import {
  AttemptRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  DeliverySettledSchema,
  DeliveryState,
  type AttemptFinished,
  type CancelTry,
  type DeadLetterRecord,
  type DeliveryDue,
  type DeliverySettled,
} from "@posthorn/proto"
import type { OperationalEvents } from "./operational-events.ts"

/** What says that an attempt ended. */
export function finishedRecord(due: DeliveryDue, finished: AttemptFinished): NewRecord {
  const value = create(AttemptRecordSchema, { record: { case: "finished", value: finished } })
  return { topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, value) }
}

/** What says that a delivery ended without an attempt. */
export function settledRecord(due: DeliveryDue, settled: DeliverySettled): NewRecord {
  const value = create(AttemptRecordSchema, { record: { case: "settled", value: settled } })
  return { topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, value) }
}

/** What says that somebody has cancelled a delivery that was waiting for an attempt. */
export function cancelledRecord({ delivery, round, attempt, reason }: CancelTry, nowMs: number): NewRecord {
  const settled = create(DeliverySettledSchema, {
    ...(delivery ? { delivery } : {}),
    round,
    attemptCount: attempt - 1,
    state: DeliveryState.CANCELLED,
    reason,
    settledAt: timestampFromMs(nowMs),
  })
  const value = create(AttemptRecordSchema, { record: { case: "settled", value: settled } })
  return { topic: "attempts", key: delivery?.subscriptionId ?? "", value: toBinary(AttemptRecordSchema, value) }
}

/** A try that waits in a retry tier for so long. */
export const tierRecord = (due: DeliveryDue, waitMs: number): NewRecord => ({
  topic: tierFor(waitMs),
  key: due.subscriptionId,
  value: toBinary(DeliveryDueSchema, due),
})

/** What comes of the end of a try, besides the word of it. */
export interface FollowUp {
  /** Its dead letter: no end is known without it. */
  readonly letter: readonly NewRecord[]
  /** The next try, or what the application is told. */
  readonly after: readonly NewRecord[]
}

const NOTHING: FollowUp = { letter: [], after: [] }

/** What has to follow the end of a try: a function of the records alone, so that an owner who finds it missing writes the same. */
export function followUp(due: DeliveryDue, ended: AttemptFinished | DeliverySettled | undefined, operational: OperationalEvents): FollowUp {
  if (ended === undefined) return NOTHING
  if (ended.$typeName === "posthorn.log.v1.DeliverySettled") {
    const letter = letterOf(due, ended)
    return letter ? dead(due, letter, operational) : NOTHING
  }
  const follow = followOf(due, ended)
  if (follow === undefined) return NOTHING
  if (follow.kind === "dead") return dead(due, follow.letter, operational)
  const { attempt } = ended
  const waitMs = follow.due.dueAt && attempt?.finishedAt ? timestampMs(follow.due.dueAt) - timestampMs(attempt.finishedAt) : 0
  return { letter: [], after: [tierRecord(follow.due, waitMs)] }
}

const dead = (due: DeliveryDue, letter: DeadLetterRecord, operational: OperationalEvents): FollowUp => ({
  letter: [{ topic: "dead-letters", key: due.subscriptionId, value: toBinary(DeadLetterRecordSchema, letter) }],
  after: operational.dead(due, letter),
})
