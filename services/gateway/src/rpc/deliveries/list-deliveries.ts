import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { ListDeliveriesResponseSchema, type DeliveryService } from "@posthorn/proto"
import { ownedSubscription, tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withPause } from "../subscriptions/with-pause.ts"

export const listDeliveries =
  ({ config, reader }: RpcContext): Handler<typeof DeliveryService.method.listDeliveries> =>
  async (request, call) => {
    // Reached by the subscription's path as well: one that is not there, or not the caller's, is not an empty list.
    const subscription = request.subscriptionId === "" ? undefined : ownedSubscription(config.table, call.caller, request.subscriptionId)
    if (isRefusal(subscription)) return subscription
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    if (isRefusal(tenancy)) return tenancy
    const page = await reader.listDeliveries(tenancy, request)
    if (isRefusal(page)) return page
    const deliveries = page.deliveries.map((delivery) => withPause(config.table, delivery))
    return create(ListDeliveriesResponseSchema, { deliveries, nextPageToken: page.nextPageToken })
  }
