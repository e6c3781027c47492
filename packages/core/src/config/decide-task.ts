import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  TaskProgress,
  TaskSchema,
  TaskStateSchema,
  type ConfigChanged,
  type ReplayProgress,
  type Task,
  type TaskKind,
  type TaskLeft,
} from "@posthorn/proto"
import * as limits from "../limits.ts"
import { refuse, type Refusal } from "../refusal.ts"
import { changed, etagOf, noSuch, type ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"
import type { TaskEntity } from "./entities.ts"
import { deleted } from "./deleted.ts"

export interface CreateTask {
  readonly id: string
  readonly applicationId: string
  readonly kind: TaskKind
  /** A JSON object. */
  readonly filter: string
  readonly reason: string
  readonly ratePerSecond: number
  readonly total: number
}

/** `undefined` = there is nothing to do: the same task was made before under this id, however many it was for then. */
export function decideCreateTask(table: ConfigTable, command: CreateTask, context: ChangeContext): ConfigChanged | Refusal | undefined {
  if (table.application(command.applicationId) === undefined) return noSuch("application")
  const before = table.task(command.id)
  if (before !== undefined)
    return isSame(before.task, command) ? undefined : refuse("aborted", "The request id was used for another task: choose another one.")
  const underWay = tasksOf(table, command.applicationId).filter(({ task }) => isUnderWay(task))
  if (underWay.length >= limits.TASKS_RUNNING_MAX)
    return refuse("resource_exhausted", "The application has as many tasks under way as it may: wait for one to end, or cancel one.")
  const { total, ...asked } = command
  const task = create(TaskSchema, {
    ...asked,
    state: TaskProgress.RUNNING,
    total: BigInt(total),
    createdAt: timestampFromMs(context.nowMs),
    etag: etagOf(1),
  })
  return changed({ entityId: task.id, version: 0, state: { case: "task", value: create(TaskStateSchema, { task }) } }, context)
}

/** What a task has come to. */
export interface TaskCounts {
  readonly done: number
  /** Absent = as it was known before, likewise `left`. */
  readonly begun?: number
  readonly left?: readonly TaskLeft[]
}

export interface EndTask extends TaskCounts {
  readonly taskId: string
  readonly state: typeof TaskProgress.DONE | typeof TaskProgress.CANCELLED
}

/** Refused when the task has ended, however. A task that rests can be cancelled, and is never done. */
export function decideEndTask(table: ConfigTable, { taskId, state, ...counts }: EndTask, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.task(taskId)
  if (entity === undefined) return noSuch("task")
  if (!isUnderWay(entity.task) || (state === TaskProgress.DONE && entity.task.state !== TaskProgress.RUNNING)) return hasEnded()
  // Whoever worked at one that is cancelled says later what that had come to.
  const replay = state === TaskProgress.CANCELLED ? entity.replay : undefined
  const finishedAt = timestampFromMs(context.nowMs)
  return next(entity, { task: { ...entity.task, ...countsOf(counts), state, finishedAt }, replay }, context)
}

export interface RestTask {
  readonly taskId: string
  readonly state: typeof TaskProgress.RUNNING | typeof TaskProgress.PAUSED
}

/** Pauses or resumes a task; `undefined` = that is what it does already. Refused when it has ended. */
export function decideRestTask(
  table: ConfigTable,
  { taskId, state }: RestTask,
  context: ChangeContext,
): ConfigChanged | Refusal | undefined {
  const entity = table.task(taskId)
  if (entity === undefined) return noSuch("task")
  if (!isUnderWay(entity.task)) return hasEnded()
  return entity.task.state === state ? undefined : next(entity, { task: { ...entity.task, state }, replay: entity.replay }, context)
}

export interface AdvanceTask extends Required<TaskCounts> {
  readonly taskId: string
  readonly replay: ReplayProgress
  /** Whether its holder takes the work over from whoever had it. */
  readonly takesOver: boolean
}

/**
 * Notes how far a replay has come. Refused when it is done, or somebody else works at it by now: only who runs it may take it over, and only the last who
 * did may note anything. What it had come to is noted also when it rests, or was cancelled meanwhile.
 */
export function decideAdvanceTask(
  table: ConfigTable,
  { taskId, replay, takesOver, ...counts }: AdvanceTask,
  context: ChangeContext,
): ConfigChanged | Refusal {
  const entity = table.task(taskId)
  if (entity === undefined) return noSuch("task")
  const { state } = entity.task
  const holds = takesOver ? state === TaskProgress.RUNNING : entity.replay?.holder === replay.holder
  if (!holds || state === TaskProgress.DONE) return refuse("failed_precondition", "Somebody else works at the task.")
  return next(entity, { task: { ...entity.task, ...countsOf(counts) }, replay: isUnderWay(entity.task) ? replay : undefined }, context)
}

function next(
  { version }: TaskEntity,
  { task, replay }: { readonly task: Task; readonly replay: ReplayProgress | undefined },
  context: ChangeContext,
): ConfigChanged {
  const value = create(TaskStateSchema, { task: create(TaskSchema, { ...task, etag: etagOf(version + 1) }), ...(replay ? { replay } : {}) })
  return changed({ entityId: task.id, version, state: { case: "task", value } }, context)
}

const countsOf = ({ done, begun, left }: TaskCounts) => ({
  done: BigInt(done),
  ...(begun === undefined ? {} : { begun: BigInt(begun) }),
  ...(left === undefined ? {} : { left: [...left] }),
})

/** Whether a task is not over: it runs, or rests. */
const isUnderWay = ({ state }: Task): boolean => state === TaskProgress.RUNNING || state === TaskProgress.PAUSED

const hasEnded = (): Refusal => refuse("failed_precondition", "The task has ended.")

/** Makes room: the oldest task that has ended, once the application has as many as are kept. `undefined` = there is room. */
export function decideForgetTask(table: ConfigTable, applicationId: string, context: ChangeContext): ConfigChanged | undefined {
  const tasks = tasksOf(table, applicationId)
  if (tasks.length < limits.TASKS_KEPT_MAX) return undefined
  const oldest = tasks.findLast(({ task }) => !isUnderWay(task))
  return oldest && changed(deleted(oldest), context)
}

/** An application's tasks, newest first. Their ids do not sort by age: those of a caller's own request id are made of it. */
export function tasksOf(table: ConfigTable, applicationId: string): readonly TaskEntity[] {
  const tasks = [...table.tasksOf(applicationId)].flatMap((id) => table.task(id) ?? [])
  return tasks.toSorted((a, b) => createdMs(b) - createdMs(a) || (a.task.id < b.task.id ? 1 : -1))
}

const createdMs = ({ task }: TaskEntity): number => (task.createdAt ? timestampMs(task.createdAt) : 0)

const isSame = (task: Task, command: CreateTask): boolean =>
  task.kind === command.kind &&
  task.filter === command.filter &&
  task.reason === command.reason &&
  task.ratePerSecond === command.ratePerSecond
