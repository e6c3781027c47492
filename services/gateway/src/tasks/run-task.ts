import { randomUUID } from "node:crypto"
import { fromJsonString } from "@bufbuild/protobuf"
import { assert, decideEndTask, isRefusal, limits, Pacer } from "@posthorn/core"
import { DeadLetterFilterSchema, TaskKind, TaskProgress, type Task } from "@posthorn/proto"
import type { DeadLetterPlace } from "@posthorn/store"
import { discard } from "./discard.ts"
import { Left } from "./left.ts"
import { redrive } from "./redrive.ts"
import type { LettersDone, TaskContext } from "./task-context.ts"
import { pause, viewCaughtUp } from "./waiting.ts"

/**
 * Works at a redrive or a discard until the view shows nothing that is left to do, and says so in `config`. Begins each pass with a view that shows all that is in
 * the log: what an earlier pass did, here or in a process that crashed, is not done again.
 * Resolves soon after `signal` is aborted. Rejects with `LogUnavailable` and `StoreUnavailable`; beginning again is safe.
 */
export async function runTask(context: TaskContext, task: Task, signal: AbortSignal): Promise<void> {
  const pacer = new Pacer(task.ratePerSecond)
  let left = new Left()
  for (let passes = 0; passes < limits.TASK_PASSES_MAX; passes++) {
    await viewCaughtUp(context, ["attempts", "dead-letters"], signal)
    const passed = await pass(context, { task, pacer, signal })
    // What a pass could not do the next one finds again.
    left = passed.left
    if (passed.done === 0) break
  }
  if (!signal.aborted) await end(context, task.id, left)
}

interface Pass {
  readonly task: Task
  readonly pacer: Pacer
  readonly signal: AbortSignal
}

/** Goes once through the dead letters that there were when the task was made, oldest first; answers how many it could do something about. */
async function pass(context: TaskContext, { task, pacer, signal }: Pass): Promise<LettersDone> {
  const { store, nowMs } = context
  const filter = fromJsonString(DeadLetterFilterSchema, task.filter)
  assert(task.createdAt, "a task has a time")
  const work = task.kind === TaskKind.REDRIVE ? redrive : discard
  const left = new Left()
  let done = 0
  let after: DeadLetterPlace | undefined
  while (!signal.aborted) {
    const letters = await store.listOpen({ filter, diedBy: task.createdAt, after, limit: pacer.batch })
    after = letters.at(-1)?.place
    if (after === undefined) break
    await pause(pacer.reserve(letters.length, nowMs()), signal)
    if (signal.aborted) break
    const came = await work(context, task, letters)
    done += came.done
    left.addAll(came.left)
  }
  return { done, left }
}

async function end({ config, store, nowMs, events }: TaskContext, taskId: string, left: Left): Promise<void> {
  const done = (await store.countDone([taskId])).get(taskId) ?? 0
  const change = { changeId: randomUUID(), nowMs: nowMs(), actor: { id: taskId, requestId: "" } }
  const ended = decideEndTask(config.table, { taskId, state: TaskProgress.DONE, done, left: left.list() }, change)
  // Cancelled or deleted in the last moment: that counts.
  if (!isRefusal(ended) && (await config.propose(ended))) events.taskDone(taskId)
}
