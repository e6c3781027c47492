import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { assert, isRefusal, limits } from "@posthorn/core"
import { Metric, QueryTopResponseSchema, type AnalyticsService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { ATTEMPT_METRIC_WORDS, attemptStats, DIMENSION_WORDS } from "./stats-metrics.ts"
import { questionOf } from "./stats-question.ts"

export const queryTop =
  ({ config, analytics, lagRecords, nowMs }: RpcContext): Handler<typeof AnalyticsService.method.queryTop> =>
  async (request, call) => {
    const question = questionOf(request, { table: config.table, caller: call.caller, nowMs: nowMs() })
    if (isRefusal(question)) return question
    const by = DIMENSION_WORDS[request.by]
    const orderBy = ATTEMPT_METRIC_WORDS[request.orderBy || Metric.FAILED]
    assert(by !== undefined && orderBy !== undefined, "the rules of the contract let nothing else through")
    const limit = request.limit || limits.ANALYTICS_TOP_DEFAULT
    const [rows, behind] = await Promise.all([analytics.top(question, { by, orderBy, limit }), lagRecords()])
    return create(QueryTopResponseSchema, {
      since: timestampFromMs(question.span.sinceMs),
      until: timestampFromMs(question.span.untilMs),
      rows: rows.map(({ key, measured }) => ({ key, attempts: attemptStats(measured) })),
      ...(behind === undefined ? {} : { lagRecords: behind }),
    })
  }
