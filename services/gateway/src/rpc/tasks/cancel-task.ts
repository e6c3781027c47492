import { create } from "@bufbuild/protobuf"
import { decideEndTask, isRefusal } from "@posthorn/core"
import { CancelTaskResponseSchema, TaskKind, TaskProgress, type TaskService } from "@posthorn/proto"
import { StoreUnavailable } from "@posthorn/store"
import { ownedTask } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeTask } from "../../commands/change-task.ts"
import type { RpcContext } from "../rpc-context.ts"

export const cancelTask =
  (context: RpcContext): Handler<typeof TaskService.method.cancelTask> =>
  async ({ taskId }, call) => {
    const { table } = context.config
    const before = ownedTask(table, call.caller, taskId)
    if (isRefusal(before)) return before
    const counted = before.task.kind === TaskKind.REPLAY ? undefined : await doneBy(context, taskId)
    const ended = await changeTask(context, call, (change) => {
      const done = counted ?? Number(table.task(taskId)?.task.done ?? 0n)
      return decideEndTask(table, { taskId, state: TaskProgress.CANCELLED, done }, change)
    })
    if (isRefusal(ended)) return ended
    const after = ownedTask(table, call.caller, taskId)
    return isRefusal(after) ? after : create(CancelTaskResponseSchema, { task: after.task })
  }

/** A task has to be stopped also while the view is away; it counts what it knows then. */
async function doneBy({ reader }: RpcContext, taskId: string): Promise<number> {
  try {
    return (await reader.countDone([taskId])).get(taskId) ?? 0
  } catch (error) {
    if (error instanceof StoreUnavailable) return 0
    throw error
  }
}
