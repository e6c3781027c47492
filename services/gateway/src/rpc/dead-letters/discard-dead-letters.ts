import { create } from "@bufbuild/protobuf"
import { assert, isRefusal, limits } from "@posthorn/core"
import { DiscardDeadLettersResponseSchema, TaskKind, type DeadLetterService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { createDeadLetterTask } from "../../commands/create-dead-letter-task.ts"
import type { RpcContext } from "../rpc-context.ts"

export const discardDeadLetters =
  (context: RpcContext): Handler<typeof DeadLetterService.method.discardDeadLetters> =>
  async ({ filter, dryRun, requestId, reason }, call) => {
    const ratePerSecond = limits.DISCARD_RATE
    assert(filter, "the contract requires a filter")
    const made = await createDeadLetterTask(context, call, { kind: TaskKind.DISCARD, filter, dryRun, requestId, reason, ratePerSecond })
    if (isRefusal(made)) return made
    return create(DiscardDeadLettersResponseSchema, { total: made.total, ...(made.task ? { task: made.task } : {}) })
  }
