import { create } from "@bufbuild/protobuf"
import { decideDisable, isRefusal } from "@posthorn/core"
import { DisableSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import type { RpcContext } from "../rpc-context.ts"

const DISABLED_BY_REQUEST = "disabled by request"

export const disableSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.disableSubscription> =>
  async ({ subscriptionId, reason, etag }, call) => {
    const { table } = context.config
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag,
      decide: (change) => decideDisable(table, { subscriptionId, reason: reason || DISABLED_BY_REQUEST }, change),
    })
    return isRefusal(changed) ? changed : create(DisableSubscriptionResponseSchema, { subscription: changed.subscription })
  }
