import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import type { Metric as MetricWord, Span } from "@posthorn/analytics"
import { isRefusal, limits, refuse, type Refusal } from "@posthorn/core"
import { Metric, QueryTimeseriesResponseSchema, type AnalyticsService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { METRIC_WORDS } from "./stats-metrics.ts"
import { questionOf } from "./stats-question.ts"

const DEFAULT_METRICS = [Metric.ATTEMPTS, Metric.DELIVERED, Metric.FAILED]

export const queryTimeseries =
  ({ config, analytics, lagRecords, nowMs }: RpcContext): Handler<typeof AnalyticsService.method.queryTimeseries> =>
  async (request, call) => {
    const question = questionOf(request, { table: config.table, caller: call.caller, nowMs: nowMs() })
    if (isRefusal(question)) return question
    const asked = request.metrics.length === 0 ? DEFAULT_METRICS : request.metrics
    const metrics = asked.flatMap((metric): readonly (readonly [Metric, MetricWord])[] => {
      const word = METRIC_WORDS[metric]
      return word === undefined ? [] : [[metric, word]]
    })
    const stepSeconds = request.stepSeconds || limits.ANALYTICS_STEP_SECONDS_DEFAULT
    const refusal = tooMany(question.span, stepSeconds)
    if (refusal !== undefined) return refusal
    const wanted = { stepMs: stepSeconds * 1000, metrics: metrics.map(([, word]) => word) }
    const [points, behind] = await Promise.all([analytics.timeseries(question, wanted), lagRecords()])
    return create(QueryTimeseriesResponseSchema, {
      since: timestampFromMs(question.span.sinceMs),
      until: timestampFromMs(question.span.untilMs),
      stepSeconds,
      series: metrics.map(([metric, word]) => ({
        metric,
        points: points.map(({ startMs, measured: { [word]: value } }) => ({
          start: timestampFromMs(startMs),
          ...(value === undefined ? {} : { value }),
        })),
      })),
      ...(behind === undefined ? {} : { lagRecords: behind }),
    })
  }

function tooMany({ sinceMs, untilMs }: Span, stepSeconds: number): Refusal | undefined {
  const steps = Math.ceil(untilMs / 1000 / stepSeconds) - Math.floor(sinceMs / 1000 / stepSeconds)
  if (steps <= limits.ANALYTICS_POINTS_MAX) return undefined
  const reason = `must be longer, or the span shorter: it has ${steps} steps, and at most ${limits.ANALYTICS_POINTS_MAX} are answered`
  return refuse("invalid_argument", "The timeseries would have too many points.", { details: [{ field: "step_seconds", reason }] })
}
