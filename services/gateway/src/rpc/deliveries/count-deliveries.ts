import { isRefusal } from "@posthorn/core"
import type { DeliveryService } from "@posthorn/proto"
import { ownedSubscription, tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const countDeliveries =
  ({ config, reader }: RpcContext): Handler<typeof DeliveryService.method.countDeliveries> =>
  async (request, call) => {
    // As with the list: one that is not there, or not the caller's, has no count.
    const subscription = request.subscriptionId === "" ? undefined : ownedSubscription(config.table, call.caller, request.subscriptionId)
    if (isRefusal(subscription)) return subscription
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.countStates(tenancy, request)
  }
