import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { DeadLetterRecordSchema, type Task } from "@posthorn/proto"
import type { OpenDeadLetter } from "@posthorn/store"
import { Left } from "./left.ts"
import type { LettersDone, TaskContext } from "./task-context.ts"

/** Takes dead letters off the list for good. */
export async function discard({ log, nowMs, events }: TaskContext, task: Task, letters: readonly OpenDeadLetter[]): Promise<LettersDone> {
  const deadAt = timestampFromMs(nowMs())
  const { id: taskId, reason } = task
  await log.append(
    letters.map(({ delivery, round }) => {
      const value = { delivery, round, reason, taskId, actor: { id: taskId } }
      const record = create(DeadLetterRecordSchema, { deadAt, content: { case: "discarded", value } })
      return { topic: "dead-letters", key: delivery.subscriptionId, value: toBinary(DeadLetterRecordSchema, record) }
    }),
    "bulk",
  )
  events.taskAdvanced(taskId, "discard", letters.length)
  return { done: letters.length, left: new Left() }
}
