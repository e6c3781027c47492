import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { GetTaskResponseSchema, type TaskService } from "@posthorn/proto"
import { ownedTask } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withProgress } from "./with-progress.ts"

export const getTask =
  ({ config, reader }: RpcContext): Handler<typeof TaskService.method.getTask> =>
  async ({ taskId }, call) => {
    const entity = ownedTask(config.table, call.caller, taskId)
    if (isRefusal(entity)) return entity
    const [task = entity.task] = await withProgress(reader, [entity.task])
    return create(GetTaskResponseSchema, { task })
  }
