import { create, toJsonString } from "@bufbuild/protobuf"
import { decideCreateTask, decideForgetTask, isRefusal, keyedTaskIdOf, noSuch, type Refusal } from "@posthorn/core"
import { DeadLetterFilterSchema, type DeadLetterFilter, type Task, type TaskKind } from "@posthorn/proto"
import { applicationOf } from "../access/tenancy.ts"
import type { Call } from "../call.ts"
import type { RpcContext } from "../rpc/rpc-context.ts"
import { changeConfig } from "./change-config.ts"
import { forItem } from "./keyed.ts"

/** What a redrive and a discard have in common. */
export interface TaskRequest {
  readonly kind: TaskKind
  readonly filter: DeadLetterFilter
  readonly reason: string
  readonly ratePerSecond: number
  readonly dryRun: boolean
  /** Empty = this request is like no other. */
  readonly requestId: string
}

export interface CountedTask {
  readonly total: bigint
  /** `undefined` = it was a dry run. */
  readonly task: Task | undefined
}

/** Counts the dead letters that a task would take, and makes the task unless that is all that was asked for. */
export async function createTask(context: RpcContext, call: Call, request: TaskRequest): Promise<CountedTask | Refusal> {
  const { table } = context.config
  const applicationId = applicationOf(table, call.caller, request.filter.applicationId)
  if (isRefusal(applicationId)) return applicationId
  const filter = create(DeadLetterFilterSchema, request.filter)
  filter.applicationId = applicationId
  const total = await context.reader.countOpen(filter)
  if (request.dryRun) return { total: BigInt(total), task: undefined }
  const { kind, reason, ratePerSecond, requestId } = request
  const id = requestId === "" ? context.newId("task") : keyedTaskIdOf(applicationId, requestId)
  const command = { id, applicationId, kind, reason, ratePerSecond, total, filter: toJsonString(DeadLetterFilterSchema, filter) }
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
