import { decideRestTask, isRefusal, type Refusal, type RestTask } from "@posthorn/core"
import type { Task } from "@posthorn/proto"
import { ownedTask } from "../../access/tenancy.ts"
import type { Call } from "../../call.ts"
import { changeTask } from "../../commands/change-task.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withProgress } from "./with-progress.ts"

/** Lets a task rest, or go on. */
export async function restTask(context: RpcContext, call: Call, wanted: RestTask): Promise<Task | Refusal> {
  const { table } = context.config
  const before = ownedTask(table, call.caller, wanted.taskId)
  if (isRefusal(before)) return before
  const done = await changeTask(context, call, (change) => decideRestTask(table, wanted, change))
  if (isRefusal(done)) return done
  const after = ownedTask(table, call.caller, wanted.taskId)
  if (isRefusal(after)) return after
  const [task = after.task] = await withProgress(context.reader, [after.task])
  return task
}
