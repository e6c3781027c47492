import { randomUUID } from "node:crypto"
import { fromJsonString } from "@bufbuild/protobuf"
import { decideEndTask, EVENT_TOPICS, isRefusal, Pacer } from "@posthorn/core"
import { ReplayFilterSchema, TaskLeftReason, TaskProgress, type Task } from "@posthorn/proto"
import { indexSubscriptions } from "../commands/index-subscriptions.ts"
import { BegunBefore, begunSince } from "./begun-before.ts"
import { replayEvents } from "./replay-events.ts"
import { bulkEndsOf, ReplayNotes } from "./replay-notes.ts"
import { beginningIsGone, cursorsOf, readStretch, spanOf, type ReplaySpan } from "./replay-span.ts"
import type { TaskContext } from "./task-context.ts"
import { viewCaughtUp } from "./waiting.ts"

/**
 * Works at a replay from where it is, stretch by stretch of the log, and says so in `config` from time to time and at its end. Nothing that it
 * began is begun again, here or by whoever goes on after a crash: of what follows the last note, the log has it.
 * Resolves soon after `signal` is aborted. Rejects with `LogUnavailable` and `StoreUnavailable`; beginning again is safe.
 */
export async function runReplay(context: TaskContext, task: Task, signal: AbortSignal): Promise<void> {
  const filter = fromJsonString(ReplayFilterSchema, task.filter)
  const span = spanOf(filter, task)
  const beginning = await beginningOf(context, { task, span, signal })
  const notes = new ReplayNotes(context, task, beginning)
  if (signal.aborted || !(await notes.takeOver())) return
  // What became of deliveries before is known then; of what this task does its own records tell.
  await viewCaughtUp(context, [...EVENT_TOPICS, "attempts"], signal)
  const { before } = beginning
  const subscriptions = await indexSubscriptions(context.config.table, filter.applicationId, filter.subscriptionId)
  const pacer = new Pacer(task.ratePerSecond)
  const begun = (count: number): void => notes.begun(count)
  const work = { taskId: task.id, selection: filter.selection, subscriptions, pacer, before, signal, begun }
  for (let cursor = notes.next; cursor !== undefined && !signal.aborted; cursor = notes.next) {
    const { next, events } = await readStretch(context, cursor, span)
    const done = await replayEvents(context, work, events)
    if (done === undefined) break
    notes.left.addAll(done.left)
    notes.passed(next, done.events)
    if (!(await notes.noteInTime())) return
  }
  if (signal.aborted) return notes.noteCounts()
  await end(context, { task, span, notes })
}

interface Begin {
  readonly task: Task
  readonly span: ReplaySpan
  readonly signal: AbortSignal
}

async function beginningOf(context: TaskContext, { task, span, signal }: Begin) {
  const known = context.config.table.task(task.id)?.replay
  if (known !== undefined) {
    const { cursors, bulkEnds, begun } = known
    return { cursors, bulkEnds, begun: Number(begun), before: await begunSince(context, task.id, bulkEnds) }
  }
  const bulkEnds = await bulkEndsOf(context)
  return { cursors: await cursorsOf(context, span, signal), bulkEnds, begun: 0, before: new BegunBefore() }
}

interface End {
  readonly task: Task
  readonly span: ReplaySpan
  readonly notes: ReplayNotes
}

async function end(context: TaskContext, { task, span, notes }: End): Promise<void> {
  const { config, nowMs, events } = context
  // Events that the views counted and that the log did not have.
  const missing = Number(task.total) - notes.counts.done
  if (missing > 0 && (await beginningIsGone(context, span))) notes.left.add(TaskLeftReason.GONE, missing)
  const change = { changeId: randomUUID(), nowMs: nowMs(), actor: { id: task.id, requestId: "" } }
  const ended = decideEndTask(config.table, { taskId: task.id, state: TaskProgress.DONE, ...notes.counts }, change)
  // Cancelled, paused or deleted in the last moment: that counts.
  if (!isRefusal(ended) && (await config.propose(ended))) events.taskDone(task.id)
}
