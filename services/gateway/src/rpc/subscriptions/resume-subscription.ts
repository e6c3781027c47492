import { create } from "@bufbuild/protobuf"
import { decideResume, isRefusal } from "@posthorn/core"
import { ResumeSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import type { RpcContext } from "../rpc-context.ts"

export const resumeSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.resumeSubscription> =>
  async ({ subscriptionId, etag }, call) => {
    const { table } = context.config
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag,
      decide: (change) => decideResume(table, subscriptionId, change),
    })
    return isRefusal(changed) ? changed : create(ResumeSubscriptionResponseSchema, { subscription: changed.subscription })
  }
