import type { RunningPosthorn } from "../posthorn.ts"
import type { Population } from "./population.ts"

/** One request that is timed. */
export interface Question {
  readonly name: string
  readonly path: string
}

const HOUR_MS = 3_600_000
const ago = (untilMs: number, hours: number): string => new Date(untilMs - hours * HOUR_MS).toISOString()

/** Every list with its filters, deep pages, single reads and statistics. Ids are looked up in what is there. */
export async function questionsOf(posthorn: RunningPosthorn, population: Population, untilMs: number): Promise<readonly Question[]> {
  const [first = "", second = ""] = population.applications
  const large = population.subscriptions[0] ?? ""
  const { deliveries } = await posthorn.call<{ deliveries: readonly { id: string; eventId: string }[] }>(
    "GET",
    `/v1/deliveries?applicationId=${first}&state=dead&until=${ago(untilMs, 30)}&pageSize=1`,
  )
  const [some] = deliveries
  if (some === undefined) throw new Error("nothing was loaded")
  const scopes: readonly [string, string][] = [
    ["installation", ""],
    ["half of all", `applicationId=${first}&`],
    ["one application", `applicationId=${second}&`],
  ]
  const lists = scopes.flatMap(([whose, scope]) => [
    ...DELIVERY_FILTERS(untilMs).map(([what, filter]) => ({
      name: `deliveries, ${what}, ${whose}`,
      path: `/v1/deliveries?${scope}${filter}`,
    })),
    ...EVENT_FILTERS(untilMs).map(([what, filter]) => ({ name: `events, ${what}, ${whose}`, path: `/v1/events?${scope}${filter}` })),
    ...DEAD_FILTERS(untilMs).map(([what, filter]) => ({
      name: `dead letters, ${what}, ${whose}`,
      path: `/v1/dead-letters?${scope}${filter}`,
    })),
    { name: `deliveries by state, ${whose}`, path: `/v1/deliveries:count?${scope}` },
    ...statistics(untilMs, whose, scope),
  ])
  const ofSubscription = DELIVERY_FILTERS(untilMs).map(([what, filter]) => ({
    name: `deliveries, ${what}, one subscription`,
    path: `/v1/subscriptions/${large}/deliveries?${filter}`,
  }))
  return [
    ...lists,
    ...ofSubscription,
    ...statistics(untilMs, "one subscription", `subscriptionId=${large}&`).filter(({ path }) => !path.startsWith("/v1/stats")),
    { name: "statistics, 24 h, one subscription", path: `/v1/subscriptions/${large}/stats` },
    { name: "statistics, 15 days, one subscription", path: `/v1/subscriptions/${large}/stats?since=${ago(untilMs, 360)}` },
    { name: "story of an event", path: `/v1/events/${some.eventId}` },
    { name: "a delivery with its attempts", path: `/v1/deliveries/${some.id}` },
    { name: "deliveries of an event", path: `/v1/deliveries?eventId=${some.eventId}` },
    { name: "deliveries, search", path: `/v1/deliveries?search=${some.eventId}` },
    { name: "audit log", path: "/v1/audit-log" },
    { name: "audit log, kind", path: "/v1/audit-log?kind=key" },
  ]
}

const DELIVERY_FILTERS = (untilMs: number): readonly [string, string][] => [
  ["no filter", ""],
  ["far back", `until=${ago(untilMs, 60)}`],
  ["a span", `since=${ago(untilMs, 50)}&until=${ago(untilMs, 49)}`],
  ["type", "type=order.paid"],
  ["rare type", "type=rare.type"],
  ["no such type", "type=no.such.type"],
  ["dead", "state=dead"],
  ["retrying", "state=retrying"],
  ["cancelled", "state=cancelled"],
  ["delivered", "state=delivered"],
  ["status 500", "statusCode=500"],
  ["status 204", "statusCode=204"],
  ["status 418", "statusCode=418"],
  ["timeouts", "errorClass=timeout"],
  ["dead timeouts of a type", "state=dead&errorClass=timeout&type=order.paid"],
]

const EVENT_FILTERS = (untilMs: number): readonly [string, string][] => [
  ["no filter", ""],
  ["far back", `until=${ago(untilMs, 60)}`],
  ["type", "type=order.paid"],
  ["rare type", "type=rare.type"],
  ["no such type", "type=no.such.type"],
]

const DEAD_FILTERS = (untilMs: number): readonly [string, string][] => [
  ["no filter", ""],
  ["far back", `until=${ago(untilMs, 60)}`],
  ["type", "type=rare.type"],
  ["status 429", "statusCode=429"],
  ["reason", "reason=gone"],
  ["redriven", "state=redriven"],
]

function statistics(untilMs: number, whose: string, scope: string): readonly Question[] {
  const series = (what: string, hours: number, stepSeconds: number): Question => ({
    name: `series, ${what}, ${whose}`,
    path: `/v1/analytics/timeseries?${scope}since=${ago(untilMs, hours)}&until=${ago(untilMs, 0)}&stepSeconds=${stepSeconds}`,
  })
  return [
    { name: `statistics, 24 h, ${whose}`, path: `/v1/stats?${scope}` },
    { name: `statistics, 72 h, ${whose}`, path: `/v1/stats?${scope}since=${ago(untilMs, 72)}` },
    { name: `statistics, 15 days, ${whose}`, path: `/v1/stats?${scope}since=${ago(untilMs, 360)}` },
    series("24 h by the minute", 24, 60),
    series("24 h by 5 minutes", 24, 300),
    series("15 days by the hour", 360, 3600),
    series("90 days by the day", 90 * 24, 86_400),
    { ...series("15 days by the hour, p95", 360, 3600), path: `${series("", 360, 3600).path}&metrics=duration_p95` },
    ...(scope.startsWith("subscriptionId")
      ? []
      : [
          { name: `first subscriptions by failures, 24 h, ${whose}`, path: `/v1/analytics/top?${scope}by=subscription` },
          {
            name: `first subscriptions by failures, 15 days, ${whose}`,
            path: `/v1/analytics/top?${scope}by=subscription&since=${ago(untilMs, 360)}`,
          },
        ]),
    { name: `first types by failures, 24 h, ${whose}`, path: `/v1/analytics/top?${scope}by=event_type` },
    { name: `first kinds of failure, 15 days, ${whose}`, path: `/v1/analytics/top?${scope}by=error_class&since=${ago(untilMs, 360)}` },
  ]
}
