import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { TaskProgress, TaskSchema, TaskStateSchema, type ConfigChanged, type Task, type TaskKind } from "@posthorn/proto"
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
  const running = tasksOf(table, command.applicationId).filter(({ task }) => task.state === TaskProgress.RUNNING)
  if (running.length >= limits.TASKS_RUNNING_MAX)
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

export interface EndTask {
  readonly taskId: string
  readonly state: typeof TaskProgress.DONE | typeof TaskProgress.CANCELLED
  readonly done: number
}

/** Refused when the task has ended, however. */
export function decideEndTask(table: ConfigTable, { taskId, state, done }: EndTask, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.task(taskId)
  if (entity === undefined) return noSuch("task")
  if (entity.task.state !== TaskProgress.RUNNING) return refuse("failed_precondition", "The task has ended.")
  const task = create(TaskSchema, {
    ...entity.task,
    state,
    done: BigInt(done),
    finishedAt: timestampFromMs(context.nowMs),
    etag: etagOf(entity.version + 1),
  })
  return changed({ entityId: taskId, version: entity.version, state: { case: "task", value: create(TaskStateSchema, { task }) } }, context)
}

/** Makes room: the oldest task that has ended, once the application has as many as are kept. `undefined` = there is room. */
export function decideForgetTask(table: ConfigTable, applicationId: string, context: ChangeContext): ConfigChanged | undefined {
  const tasks = tasksOf(table, applicationId)
  if (tasks.length < limits.TASKS_KEPT_MAX) return undefined
  const oldest = tasks.findLast(({ task }) => task.state !== TaskProgress.RUNNING)
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
