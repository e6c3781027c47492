import { isRefusal } from "@posthorn/core"
import type { EventService } from "@posthorn/proto"
import { ownedSubscription, tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const listEvents =
  ({ config, reader }: RpcContext): Handler<typeof EventService.method.listEvents> =>
  async (request, call) => {
    // As with deliveries: one that is not there, or not the caller's, is not an empty list.
    const subscription = request.subscriptionId === "" ? undefined : ownedSubscription(config.table, call.caller, request.subscriptionId)
    if (isRefusal(subscription)) return subscription
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.listEvents(tenancy, request)
  }
