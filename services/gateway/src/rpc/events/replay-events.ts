import { create } from "@bufbuild/protobuf"
import { assert, isRefusal } from "@posthorn/core"
import { ReplayEventsResponseSchema, ReplayFilterSchema, type EventService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { createReplayTask } from "../../commands/create-replay-task.ts"
import type { RpcContext } from "../rpc-context.ts"

export const replayEvents =
  (context: RpcContext): Handler<typeof EventService.method.replayEvents> =>
  async ({ filter: asked, dryRun, ratePerSecond }, call) => {
    assert(asked, "the contract requires a filter")
    const applicationId = applicationOf(context.config.table, call.caller, asked.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const filter = create(ReplayFilterSchema, asked)
    filter.applicationId = applicationId
    const made = await createReplayTask(context, call, { filter, dryRun, ratePerSecond, sinceField: "filter.since" })
    if (isRefusal(made)) return made
    return create(ReplayEventsResponseSchema, { total: made.total, ...(made.task ? { task: made.task } : {}) })
  }
