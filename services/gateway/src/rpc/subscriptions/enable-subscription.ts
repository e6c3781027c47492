import { create } from "@bufbuild/protobuf"
import { decideEnable, isRefusal } from "@posthorn/core"
import { EnableSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import type { RpcContext } from "../rpc-context.ts"

export const enableSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.enableSubscription> =>
  async ({ subscriptionId, etag }, call) => {
    const { table } = context.config
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag,
      decide: (change) => decideEnable(table, subscriptionId, change),
    })
    return isRefusal(changed) ? changed : create(EnableSubscriptionResponseSchema, { subscription: changed.subscription })
  }
