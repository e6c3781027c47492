import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { DeadLetterFilterSchema, GetSubscriptionStatsResponseSchema, type AnalyticsService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { spanOf } from "./stats-question.ts"
import { totalsOf } from "./stats-totals.ts"

export const getSubscriptionStats =
  (context: RpcContext): Handler<typeof AnalyticsService.method.getSubscriptionStats> =>
  async (request, call) => {
    const { config, reader, nowMs } = context
    const entity = ownedSubscription(config.table, call.caller, request.subscriptionId)
    if (isRefusal(entity)) return entity
    const span = spanOf(request, nowMs())
    if (isRefusal(span)) return span
    const { id: subscriptionId, applicationId } = entity.subscription
    const [{ events: _ofMany, ...totals }, deliveries, openDeadLetters] = await Promise.all([
      totalsOf(context, { scope: { applicationId }, span, subscriptionId }),
      reader.countDeliveries({ applicationId }, { ...span, subscriptionId }),
      reader.countOpen(create(DeadLetterFilterSchema, { applicationId, subscriptionId })),
    ])
    return create(GetSubscriptionStatsResponseSchema, { stats: { ...totals, deliveries, openDeadLetters } })
  }
