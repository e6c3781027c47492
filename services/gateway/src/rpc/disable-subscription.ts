import { create } from "@bufbuild/protobuf"
import { decideDisable, isRefusal } from "@posthorn/core"
import { DisableSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { changeConfig } from "../commands/change-config.ts"
import type { RpcContext } from "./rpc-context.ts"

const DISABLED_BY_REQUEST = "disabled by request"

export const disableSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.disableSubscription> =>
  async (request, call) => {
    const { subscriptionId } = request
    const reason = request.reason || DISABLED_BY_REQUEST
    const { table } = context.config
    const before = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(before)) return before
    const done = await changeConfig(context, call, (change) => decideDisable(table, { subscriptionId, reason }, change))
    if (isRefusal(done)) return done
    const after = ownedSubscription(table, call.caller, subscriptionId)
    return isRefusal(after) ? after : create(DisableSubscriptionResponseSchema, { subscription: after.subscription })
  }
