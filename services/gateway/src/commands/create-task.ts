import { decideCreateTask, decideForgetTask, isRefusal, keyedTaskIdOf, noSuch, type Refusal } from "@posthorn/core"
import type { Task, TaskKind } from "@posthorn/proto"
import type { Call } from "../call.ts"
import type { RpcContext } from "../rpc/rpc-context.ts"
import { changeConfig } from "./change-config.ts"
import { forItem } from "./keyed.ts"

/** What all tasks have in common. */
export interface TaskRequest {
  readonly kind: TaskKind
  /** Which the caller may manage. */
  readonly applicationId: string
  /** A JSON object. */
  readonly filter: string
  readonly reason?: string
  readonly ratePerSecond: number
  readonly dryRun: boolean
  /** Absent or empty = this request is like no other. */
  readonly requestId?: string
  /** How many there are that the task would take. */
  count(): Promise<number>
}

export interface CountedTask {
  readonly total: bigint
  /** `undefined` = it was a dry run. */
  readonly task: Task | undefined
}

/** Counts what a task would take, and makes the task unless that is all that was asked for. */
export async function createTask(context: RpcContext, call: Call, request: TaskRequest): Promise<CountedTask | Refusal> {
  const { table } = context.config
  const { applicationId, kind, filter, ratePerSecond, reason = "", requestId = "" } = request
  const total = await request.count()
  if (request.dryRun) return { total: BigInt(total), task: undefined }
  const id = requestId === "" ? context.newId("task") : keyedTaskIdOf(applicationId, requestId)
  const command = { id, applicationId, kind, reason, ratePerSecond, total, filter }
  // Whether there was something to forget, and whether somebody else did it first, is all the same.
  if (table.task(id) === undefined)
    await changeConfig(context, forItem(call, "room"), (change) => decideForgetTask(table, applicationId, change))
  let done = await changeConfig(context, call, (change) => decideCreateTask(table, command, change))
  // Lost against the same request elsewhere: now the table has its task.
  if (isRefusal(done) && done.code === "aborted" && table.task(id) !== undefined)
    done = await changeConfig(context, call, (change) => decideCreateTask(table, command, change))
  if (isRefusal(done)) return done
  const task = table.task(done.entityId ?? id)?.task
  return task === undefined ? noSuch("task") : { total: BigInt(total), task }
}
