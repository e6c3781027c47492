import type { ClickHouseClient } from "@clickhouse/client"
import { assert, ERROR_CLASS_WORDS, limits } from "@posthorn/core"
import {
  ATTEMPT_METRICS,
  type AnalyticsReader,
  type AttemptMetric,
  type Dimension,
  type Measured,
  type Metric,
  type Question,
  type TimePoint,
  type TopRow,
  type Totals,
} from "../analytics-store.ts"

type Wanted<Method extends keyof AnalyticsReader> = Parameters<AnalyticsReader[Method]>[1]

/** What goes into a statement is one of these texts; what comes from outside is a parameter. */
const METRICS: Readonly<Record<AttemptMetric, string>> = {
  attempts: "count()",
  delivered: "countIf(outcome = 'delivered')",
  failed: "countIf(outcome = 'failed')",
  dead: "countIf(delivery_state = 'dead')",
  success_rate: "countIf(outcome = 'delivered') / count()",
  duration_average: "avg(duration_ms)",
  duration_p50: `${percentiles("duration_ms")}[1]`,
  duration_p95: `${percentiles("duration_ms")}[2]`,
  duration_p99: `${percentiles("duration_ms")}[3]`,
  time_to_deliver_average: "avg(time_to_deliver_ms)",
  time_to_deliver_p50: `${percentiles("time_to_deliver_ms")}[1]`,
  time_to_deliver_p95: `${percentiles("time_to_deliver_ms")}[2]`,
  time_to_deliver_p99: `${percentiles("time_to_deliver_ms")}[3]`,
}
/** Those of which there may be any number. All copies of an attempt agree on them. */
const MANY: ReadonlySet<Dimension> = new Set<Dimension>(["subscription", "event_type"])
const KEYS: Readonly<Record<Dimension, string>> = {
  subscription: "subscription_id",
  event_type: "event_type",
  error_class: "error_class",
  status_code: "toString(status_code)",
}
const COUNTS: ReadonlySet<Metric> = new Set<Metric>(["events", "attempts", "delivered", "failed", "dead"])
const ERROR_CLASSES = Object.values(ERROR_CLASS_WORDS).filter((word) => word !== "")

/** Exact up to 8,192 values, above that from a sample of as many, so that a group's memory is bounded. Written alike it is made once a statement. */
function percentiles(column: string): string {
  return `quantiles(0.5, 0.95, 0.99)(${column})`
}

/**
 * FINAL: of rows that came in more than once, one counts. Copies are due at the same minute and so on the same day, and what is of other
 * minutes needs no look for copies at all: that is what makes it cheap.
 */
const SETTINGS = { do_not_merge_across_partitions_select_final: 1, use_skip_indexes_if_final: 1 } as const
const ATTEMPTS = { table: "attempts_by_time", time: "finished_at" } as const
const EVENTS = { table: "events_by_time", time: "accepted_at" } as const

type Row = Readonly<Record<string, string | number | null>>

export async function readTotals(client: ClickHouseClient, question: Question): Promise<Totals> {
  const failures = ERROR_CLASSES.map((word) => `countIf(error_class = '${word}') AS failed_${word}`)
  const [[events], [attempts]] = await Promise.all([
    rowsOf(client, { select: "count() AS events", question, ...EVENTS }),
    rowsOf(client, { select: [...ATTEMPT_METRICS.map(selected), ...failures].join(", "), question, ...ATTEMPTS }),
  ])
  return {
    events: Number(events?.["events"] ?? 0),
    measured: measuredOf(ATTEMPT_METRICS, attempts),
    failures: ERROR_CLASSES.map((errorClass) => ({ errorClass, failed: Number(attempts?.[`failed_${errorClass}`] ?? 0) }))
      .filter(({ failed }) => failed > 0)
      .toSorted((a, b) => b.failed - a.failed),
  }
}

export async function readTimeseries<Name extends Metric>(
  client: ClickHouseClient,
  question: Question,
  { stepMs, metrics }: { readonly stepMs: number; readonly metrics: readonly Name[] },
): Promise<readonly TimePoint<Name>[]> {
  const firstMs = Math.floor(question.span.sinceMs / stepMs) * stepMs
  const steps = Math.max(0, Math.ceil((question.span.untilMs - firstMs) / stepMs))
  assert(steps <= limits.ANALYTICS_POINTS_MAX, "a timeseries is bounded")
  const ofAttempts = metrics.filter((metric: Metric) => metric !== "events") as AttemptMetric[]
  const byStep = async (select: string, { table, time }: typeof ATTEMPTS | typeof EVENTS): Promise<readonly Row[]> => {
    const step = `intDiv(toUnixTimestamp64Milli(${time}), {stepMs:Int64})`
    return rowsOf(client, { select: `${step} AS step, ${select}`, question, table, time, end: "GROUP BY step", parameters: { stepMs } })
  }
  const rows = new Map<number, Row>()
  const found = await Promise.all([
    ofAttempts.length === 0 ? [] : byStep(ofAttempts.map(selected).join(", "), ATTEMPTS),
    ofAttempts.length === metrics.length ? [] : byStep("count() AS events", EVENTS),
  ])
  for (const row of found.flat()) rows.set(Number(row["step"]), { ...rows.get(Number(row["step"])), ...row })
  return Array.from({ length: steps }, (_, index) => {
    const startMs = firstMs + index * stepMs
    return { startMs, measured: measuredOf(metrics, rows.get(startMs / stepMs)) }
  })
}

export async function readTop(client: ClickHouseClient, question: Question, wanted: Wanted<"top">): Promise<readonly TopRow[]> {
  const { by, orderBy, limit } = wanted
  assert(limit > 0 && limit <= limits.ANALYTICS_TOP_MAX, "a list of the first is bounded")
  const key = KEYS[by]
  const condition = by === "error_class" ? "outcome = 'failed'" : "true"
  const end = `GROUP BY key ORDER BY ${orderBy} ${orderBy === "success_rate" ? "ASC" : "DESC"} NULLS LAST, key LIMIT {limit:UInt32}`
  const all = { question, ...ATTEMPTS, condition, end, select: `${key} AS key, ${ATTEMPT_METRICS.map(selected).join(", ")}` }
  const rowOf = (row: Row): TopRow => ({ key: String(row["key"]), measured: measuredOf(ATTEMPT_METRICS, row) })
  if (!MANY.has(by)) return (await rowsOf(client, { ...all, parameters: { limit } })).map(rowOf)
  // Percentiles of all of them cost far more than finding the few that are asked for and looking at those again.
  const first = await rowsOf(client, { ...all, select: `${key} AS key, ${selected(orderBy)}`, parameters: { limit } })
  if (first.length === 0) return []
  const keys = first.map((row) => String(row["key"]))
  return (await rowsOf(client, { ...all, same: [`${key} IN {keys:Array(String)}`], parameters: { limit, keys } })).map(rowOf)
}

interface Statement {
  readonly select: string
  readonly question: Question
  readonly table: string
  /** The column by which a row is in the span. */
  readonly time: string
  /** Conditions on what all copies of a row have in common. */
  readonly same?: readonly string[]
  readonly condition?: string
  readonly end?: string
  readonly parameters?: Readonly<Record<string, unknown>>
}

async function rowsOf(client: ClickHouseClient, statement: Statement): Promise<readonly Row[]> {
  const { scope, span, subscriptionId, eventType } = statement.question
  const result = await client.query({
    query: textOf(statement),
    query_params: {
      ...span,
      ...(scope === "installation" ? {} : scope),
      ...(subscriptionId === undefined ? {} : { subscriptionId }),
      ...(eventType === undefined ? {} : { eventType }),
      ...statement.parameters,
    },
    format: "JSONEachRow",
    clickhouse_settings: SETTINGS,
  })
  return result.json<Row>()
}

function textOf({ select, question, table, time, same = [], condition = "true", end = "" }: Omit<Statement, "parameters">): string {
  // All copies of a row agree on these, so that leaving rows out before copies are looked for changes nothing, and there is less to look through.
  const before = [
    ...(question.scope === "installation" ? [] : ["application_id = {applicationId:String}"]),
    ...(question.subscriptionId === undefined ? [] : ["subscription_id = {subscriptionId:String}"]),
    ...(question.eventType === undefined ? [] : ["event_type = {eventType:String}"]),
    ...same,
  ]
  const after = [
    `${time} >= fromUnixTimestamp64Milli({sinceMs:Int64}, 'UTC')`,
    `${time} < fromUnixTimestamp64Milli({untilMs:Int64}, 'UTC')`,
    condition,
  ]
  const prewhere = before.length === 0 ? "" : ` PREWHERE ${before.join(" AND ")}`
  return `SELECT ${select} FROM ${table} FINAL${prewhere} WHERE ${after.join(" AND ")} ${end}`
}

const selected = (metric: AttemptMetric): string => `${METRICS[metric]} AS ${metric}`

function measuredOf<Name extends Metric>(metrics: readonly Name[], row: Row | undefined): Measured<Name> {
  const values = metrics.map((metric): [Name, number | undefined] => {
    const value = row?.[metric] ?? undefined
    return [metric, value === undefined && COUNTS.has(metric) ? 0 : value === undefined ? undefined : Number(value)]
  })
  return Object.fromEntries(values) as Measured<Name>
}
