import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { GetSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withHealth } from "./with-health.ts"

export const getSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.getSubscription> =>
  async (request, call) => {
    const entity = ownedSubscription(context.config.table, call.caller, request.subscriptionId)
    if (isRefusal(entity)) return entity
    const [subscription = entity.subscription] = await withHealth(context, [entity.subscription])
    return create(GetSubscriptionResponseSchema, { subscription })
  }
