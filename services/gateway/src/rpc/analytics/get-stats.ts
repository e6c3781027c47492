import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { DeadLetterFilterSchema, GetStatsResponseSchema, type AnalyticsService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { scopeOf, spanOf } from "./stats-question.ts"
import { totalsOf } from "./stats-totals.ts"

export const getStats =
  (context: RpcContext): Handler<typeof AnalyticsService.method.getStats> =>
  async (request, call) => {
    const { config, reader, nowMs } = context
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    if (isRefusal(tenancy)) return tenancy
    const span = spanOf(request, nowMs())
    if (isRefusal(span)) return span
    const openOf = create(DeadLetterFilterSchema, tenancy === "every application" ? {} : tenancy)
    const [totals, deliveries, subscriptions, openDeadLetters] = await Promise.all([
      totalsOf(context, { scope: scopeOf(tenancy), span }),
      reader.countDeliveries(tenancy, span),
      reader.countSubscriptions(tenancy),
      reader.countOpen(openOf),
    ])
    return create(GetStatsResponseSchema, { stats: { ...totals, deliveries, subscriptions, openDeadLetters } })
  }
