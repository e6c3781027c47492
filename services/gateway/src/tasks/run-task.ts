import { randomUUID } from "node:crypto"
import { setTimeout as wait } from "node:timers/promises"
import { fromJsonString } from "@bufbuild/protobuf"
import { assert, decideEndTask, isRefusal, limits, Pacer } from "@posthorn/core"
import { DeadLetterFilterSchema, TaskKind, TaskProgress, type Task } from "@posthorn/proto"
import type { DeadLetterPlace } from "@posthorn/store"
import { discard } from "./discard.ts"
import { redrive } from "./redrive.ts"
import type { TaskContext } from "./task-context.ts"

/**
 * Works at a task until the view shows nothing that is left to do, and says so in `config`. Begins each pass with a view that shows all that is in
 * the log: what an earlier pass did, here or in a process that crashed, is not done again.
 * Resolves soon after `signal` is aborted. Rejects with `LogUnavailable` and `StoreUnavailable`; beginning again is safe.
 */
export async function runTask(context: TaskContext, task: Task, signal: AbortSignal): Promise<void> {
  const pacer = new Pacer(task.ratePerSecond)
  for (let passes = 0; passes < limits.TASK_PASSES_MAX; passes++) {
    await viewCaughtUp(context, signal)
    if ((await pass(context, { task, pacer, signal })) === 0) break
  }
  if (!signal.aborted) await end(context, task.id)
}

interface Pass {
  readonly task: Task
  readonly pacer: Pacer
  readonly signal: AbortSignal
}

/** Goes once through the dead letters that there were when the task was made, oldest first; answers how many it could do something about. */
async function pass(context: TaskContext, { task, pacer, signal }: Pass): Promise<number> {
  const { store, nowMs } = context
  const filter = fromJsonString(DeadLetterFilterSchema, task.filter)
  assert(task.createdAt, "a task has a time")
  const work = task.kind === TaskKind.REDRIVE ? redrive : discard
  let done = 0
  let after: DeadLetterPlace | undefined
  while (!signal.aborted) {
    const letters = await store.listOpen({ filter, diedBy: task.createdAt, after, limit: pacer.batch })
    after = letters.at(-1)?.place
    if (after === undefined) break
    await pause(pacer.reserve(letters.length, nowMs()), signal)
    if (!signal.aborted) done += await work(context, task, letters)
  }
  return done
}

/** Resolves once the view shows all that these topics hold by now. */
async function viewCaughtUp({ log, store }: TaskContext, signal: AbortSignal): Promise<void> {
  for (const topic of ["attempts", "dead-letters"] as const) {
    const ends = (await log.ends(topic)).filter(({ low, high }) => high > low)
    for (;;) {
      const shown = await store.projectedTo(topic)
      if (signal.aborted || ends.every(({ partition, high }) => (shown.get(partition) ?? 0) >= high)) break
      await pause(limits.TASK_POLL_MS, signal)
    }
  }
}

async function end({ config, store, nowMs, events }: TaskContext, taskId: string): Promise<void> {
  const done = (await store.countDone([taskId])).get(taskId) ?? 0
  const change = { changeId: randomUUID(), nowMs: nowMs(), actor: { id: taskId, requestId: "" } }
  const ended = decideEndTask(config.table, { taskId, state: TaskProgress.DONE, done }, change)
  // Cancelled or deleted in the last moment: that counts.
  if (!isRefusal(ended) && (await config.propose(ended))) events.taskDone(taskId)
}

/** Aborting ends the wait; nothing else can reject it. */
const pause = (ms: number, signal: AbortSignal): Promise<unknown> => wait(ms, undefined, { signal }).catch(() => undefined)
