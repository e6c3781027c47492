import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { PauseTaskResponseSchema, TaskProgress, type TaskService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { restTask } from "./rest-task.ts"

export const pauseTask =
  (context: RpcContext): Handler<typeof TaskService.method.pauseTask> =>
  async ({ taskId }, call) => {
    const task = await restTask(context, call, { taskId, state: TaskProgress.PAUSED })
    return isRefusal(task) ? task : create(PauseTaskResponseSchema, { task })
  }
