import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { ResumeTaskResponseSchema, TaskProgress, type TaskService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { restTask } from "./rest-task.ts"

export const resumeTask =
  (context: RpcContext): Handler<typeof TaskService.method.resumeTask> =>
  async ({ taskId }, call) => {
    const task = await restTask(context, call, { taskId, state: TaskProgress.RUNNING })
    return isRefusal(task) ? task : create(ResumeTaskResponseSchema, { task })
  }
