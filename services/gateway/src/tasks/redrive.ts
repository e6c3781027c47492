import { create } from "@bufbuild/protobuf"
import { decideRequeue } from "@posthorn/core"
import { decode, type LogReader } from "@posthorn/log"
import { ActorSchema, DeadLetterRecordSchema, TaskLeftReason, type DeliveryDue, type Task } from "@posthorn/proto"
import type { OpenDeadLetter } from "@posthorn/store"
import { appendRequeued } from "../commands/append-requeued.ts"
import { Left } from "./left.ts"
import type { LettersDone, TaskContext } from "./task-context.ts"

/**
 * Begins a new round of each delivery, in the lower class. Dead letters of subscriptions that nothing may be sent to stay
 * open, for when they are enabled again; those that the log has let go cannot be sent.
 */
export async function redrive(
  { log, config, nowMs, events }: TaskContext,
  task: Task,
  letters: readonly OpenDeadLetter[],
): Promise<LettersDone> {
  const left = new Left()
  const wanted = letters.filter(({ delivery }) => {
    const enabled = config.table.subscription(delivery.subscriptionId)?.subscription.enabled
    if (enabled !== true) left.add(enabled === undefined ? TaskLeftReason.DELETED : TaskLeftReason.DISABLED)
    return enabled === true
  })
  const dues = await lastTries(log, wanted)
  left.add(TaskLeftReason.GONE, wanted.length - dues.length)
  if (dues.length < wanted.length) events.deadLettersGone(task.id, wanted.length - dues.length)
  if (dues.length === 0) return { done: 0, left }
  const actor = create(ActorSchema, { id: task.id })
  const how = { nowMs: nowMs(), configPosition: config.position, actor, taskId: task.id }
  await appendRequeued(
    log,
    dues.map((due) => decideRequeue(due, how)),
  )
  events.taskAdvanced(task.id, "redrive", dues.length)
  return { done: dues.length, left }
}

/** The tries that dead letters are about, as the log has them. */
async function lastTries(log: LogReader, letters: readonly OpenDeadLetter[]): Promise<readonly DeliveryDue[]> {
  const wanted = new Set(letters.map(({ partition, offset }) => `${partition}/${offset}`))
  const dues: DeliveryDue[] = []
  await log.read(rangesOf(letters), (records) => {
    for (const { partition, offset, value } of records) {
      const content = wanted.has(`${partition}/${offset}`) ? decode(DeadLetterRecordSchema, value)?.content : undefined
      // Without what every row of a delivery needs it is none of ours.
      if (content?.case === "delivery" && content.value.event && content.value.createdAt) dues.push(content.value)
    }
  })
  return dues
}

/** Neighbours are read together. */
function rangesOf(letters: readonly OpenDeadLetter[]) {
  const ranges: { topic: "dead-letters"; partition: number; from: number; to: number }[] = []
  for (const { partition, offset } of letters.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const last = ranges.at(-1)
    if (last?.partition === partition && last.to === offset) last.to++
    else ranges.push({ topic: "dead-letters", partition, from: offset, to: offset + 1 })
  }
  return ranges
}
