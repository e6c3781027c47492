import { isRefusal } from "@posthorn/core"
import type { DeliveryService } from "@posthorn/proto"
import { ownedSubscription, tenancyOf } from "../../access/tenancy.ts"
import type { FeedHandler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const watchDeliveries =
  ({ config, live }: RpcContext): FeedHandler<typeof DeliveryService.method.watchDeliveries> =>
  async ({ applicationId, subscriptionId, eventId, type, state, cursor }, call) => {
    const subscription = subscriptionId === "" ? undefined : ownedSubscription(config.table, call.caller, subscriptionId)
    if (isRefusal(subscription)) return subscription
    const tenancy = tenancyOf(config.table, call.caller, applicationId)
    if (isRefusal(tenancy)) return tenancy
    const whose = tenancy === "every application" ? undefined : tenancy.applicationId
    return live.watch({ wanted: { applicationId: whose, subscriptionId, eventId, type, state }, cursor, signal: call.signal })
  }
