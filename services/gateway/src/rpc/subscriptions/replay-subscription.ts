import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { ReplayFilterSchema, ReplaySelection, ReplaySubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { createReplayTask } from "../../commands/create-replay-task.ts"
import type { RpcContext } from "../rpc-context.ts"

export const replaySubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.replaySubscription> =>
  async ({ subscriptionId, since, until, dryRun, ratePerSecond }, call) => {
    const entity = ownedSubscription(context.config.table, call.caller, subscriptionId)
    if (isRefusal(entity)) return entity
    const filter = create(ReplayFilterSchema, {
      applicationId: entity.subscription.applicationId,
      subscriptionId,
      selection: ReplaySelection.NOT_DELIVERED,
      ...(since ? { since } : {}),
      ...(until ? { until } : {}),
    })
    const made = await createReplayTask(context, call, { filter, dryRun, ratePerSecond, sinceField: "since" })
    if (isRefusal(made)) return made
    return create(ReplaySubscriptionResponseSchema, { total: made.total, ...(made.task ? { task: made.task } : {}) })
  }
