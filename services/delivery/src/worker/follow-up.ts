import { create, toBinary } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { followOf, letterOf, tierFor } from "@posthorn/core"
import type { NewRecord } from "@posthorn/log"
import {
  AttemptRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  type DeadLetterRecord,
  type DeliveryDue,
  type DeliverySettled,
} from "@posthorn/proto"
import type { OperationalEvents } from "./operational-events.ts"
import type { Ended } from "./tries.ts"

/** What says that an attempt ended, or a delivery without one. */
export function endRecord(ended: NonNullable<Ended>): NewRecord {
  const record = isSettled(ended) ? { case: "settled" as const, value: ended } : { case: "finished" as const, value: ended }
  const value = toBinary(AttemptRecordSchema, create(AttemptRecordSchema, { record }))
  return { topic: "attempts", key: ended.delivery?.subscriptionId ?? "", value }
}

const isSettled = (ended: NonNullable<Ended>): ended is DeliverySettled => ended.$typeName === "posthorn.log.v1.DeliverySettled"

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
export function followUp(due: DeliveryDue, ended: Ended, operational: OperationalEvents): FollowUp {
  if (ended === undefined) return NOTHING
  if (isSettled(ended)) {
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
