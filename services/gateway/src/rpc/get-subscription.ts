import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { GetSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import type { RpcContext } from "./rpc-context.ts"

export const getSubscription =
  ({ config }: RpcContext): Handler<typeof SubscriptionService.method.getSubscription> =>
  async (request, call) => {
    const entity = ownedSubscription(config.table, call.caller, request.subscriptionId)
    return isRefusal(entity) ? entity : create(GetSubscriptionResponseSchema, { subscription: entity.subscription })
  }
