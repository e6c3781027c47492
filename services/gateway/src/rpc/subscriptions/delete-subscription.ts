import { create } from "@bufbuild/protobuf"
import { decideDeleteSubscription, isRefusal } from "@posthorn/core"
import { DeleteSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const deleteSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.deleteSubscription> =>
  async ({ subscriptionId, etag }, call) => {
    const { table } = context.config
    const entity = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(entity)) return entity
    const done = await changeConfig(context, call, (change) => decideDeleteSubscription(table, { subscriptionId, etag }, change))
    return isRefusal(done) ? done : create(DeleteSubscriptionResponseSchema)
  }
