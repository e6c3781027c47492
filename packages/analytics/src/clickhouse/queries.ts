import type { ClickHouseClient } from "@clickhouse/client"
import { assert, limits } from "@posthorn/core"
import type { AttemptTotals, RatePoint, Scope, Span } from "../analytics-store.ts"

const HOUR_MS = 3_600_000

/** FINAL: of rows that came in more than once, one counts. */
const FINISHED_IN_SPAN = `
FROM delivery_attempts FINAL
WHERE finished_at >= fromUnixTimestamp64Milli({sinceMs:Int64}, 'UTC')
  AND finished_at < fromUnixTimestamp64Milli({untilMs:Int64}, 'UTC')`
const OF_APPLICATION = "\n  AND application_id = {applicationId:String}"

const TOTALS = `
SELECT count() AS attempts,
       countIf(outcome = 'delivered') AS delivered,
       countIf(outcome = 'failed') AS failed,
       if(attempts = 0, 0, avg(duration_ms)) AS average_duration_ms`

const HOURLY_RATES = `
SELECT toUnixTimestamp(toStartOfHour(finished_at)) AS hour,
       countIf(outcome = 'delivered') AS delivered,
       countIf(outcome = 'failed') AS failed`

export async function readTotals(client: ClickHouseClient, scope: Scope, span: Span): Promise<AttemptTotals> {
  const result = await client.query({
    query: TOTALS + FINISHED_IN_SPAN + filterOf(scope),
    query_params: parametersOf(scope, span),
    format: "JSONEachRow",
  })
  const [row] = await result.json<{ attempts: string; delivered: string; failed: string; average_duration_ms: number }>()
  return {
    attempts: Number(row?.attempts ?? 0),
    delivered: Number(row?.delivered ?? 0),
    failed: Number(row?.failed ?? 0),
    averageDurationMs: row?.average_duration_ms ?? 0,
  }
}

export async function readHourlyRates(client: ClickHouseClient, scope: Scope, span: Span): Promise<readonly RatePoint[]> {
  const firstMs = Math.floor(span.sinceMs / HOUR_MS) * HOUR_MS
  const hours = Math.max(0, Math.ceil((span.untilMs - firstMs) / HOUR_MS))
  assert(hours <= limits.ANALYTICS_POINTS_MAX, "a timeseries is bounded")
  const result = await client.query({
    query: `${HOURLY_RATES + FINISHED_IN_SPAN + filterOf(scope)}\nGROUP BY hour`,
    query_params: parametersOf(scope, span),
    format: "JSONEachRow",
  })
  const rows = new Map((await result.json<{ hour: number; delivered: string; failed: string }>()).map((row) => [row.hour * 1000, row]))
  return Array.from({ length: hours }, (_, index) => {
    const startMs = firstMs + index * HOUR_MS
    const row = rows.get(startMs)
    return { startMs, delivered: Number(row?.delivered ?? 0), failed: Number(row?.failed ?? 0) }
  })
}

function filterOf(scope: Scope): string {
  return scope === "installation" ? "" : OF_APPLICATION
}

function parametersOf(scope: Scope, span: Span): Record<string, unknown> {
  return { ...span, ...(scope === "installation" ? {} : scope) }
}
