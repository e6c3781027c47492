import { create } from "@bufbuild/protobuf"
import { assert, isRefusal } from "@posthorn/core"
import { CreateSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { newSubscription } from "../../commands/new-subscription.ts"
import type { RpcContext } from "../rpc-context.ts"

export const createSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.createSubscription> =>
  async (request, call) => {
    assert(request.subscription, "the contract requires a subscription")
    const applicationId = applicationOf(context.config.table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const subscription = await newSubscription(context, call, { applicationId, subscription: request.subscription })
    return isRefusal(subscription) ? subscription : create(CreateSubscriptionResponseSchema, { subscription })
  }
