import { create } from "@bufbuild/protobuf"
import { assert, isRefusal, limits } from "@posthorn/core"
import { RedriveDeadLettersResponseSchema, TaskKind, type DeadLetterService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { createDeadLetterTask } from "../../commands/create-dead-letter-task.ts"
import type { RpcContext } from "../rpc-context.ts"

export const redriveDeadLetters =
  (context: RpcContext): Handler<typeof DeadLetterService.method.redriveDeadLetters> =>
  async ({ filter, dryRun, requestId, ratePerSecond }, call) => {
    const rate = ratePerSecond || limits.TASK_RATE_DEFAULT
    assert(filter, "the contract requires a filter")
    const made = await createDeadLetterTask(context, call, { kind: TaskKind.REDRIVE, filter, dryRun, requestId, ratePerSecond: rate })
    if (isRefusal(made)) return made
    return create(RedriveDeadLettersResponseSchema, { total: made.total, ...(made.task ? { task: made.task } : {}) })
  }
