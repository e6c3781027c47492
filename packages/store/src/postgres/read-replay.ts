import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import type { EventTopic } from "@posthorn/core"
import type { ReplayCount, ReplayReader } from "../status-store.ts"
import { textColumn } from "./column.ts"
import type { Database } from "./database.ts"
import { conjunction, when, withinTenancy } from "./page.ts"
import { deliveryOf, type DeliveryRow } from "./read-deliveries.ts"
import { acceptedOf, type AcceptedRow } from "./read-redelivery.ts"

interface PlaceRow {
  readonly id: string
  readonly log_topic: EventTopic | null
  readonly log_partition: number | null
  readonly log_offset: number | null
}

export function createReplayReader(database: Database): ReplayReader {
  return {
    async getAccepted(tenancy, eventId) {
      const { sql, values } = conjunction([when("id =", eventId), withinTenancy(tenancy)])
      const text = `${ACCEPTED} where ${sql} order by created_at limit 1`
      const [row] = await database.run<AcceptedRow>({ text, values })
      return row && acceptedOf(row)
    },
    async placesOf(events) {
      const { ids, since, until } = spanOf(events)
      const rows = await database.run<PlaceRow>({ name: "replay-places", text: PLACES, values: [ids, since, until] })
      return new Map(
        rows.map(({ id, log_topic: topic, log_partition: partition, log_offset: offset }) => [
          id,
          topic === null || partition === null || offset === null ? undefined : { topic, partition, offset },
        ]),
      )
    },
    async standingsOf(deliveries) {
      const { ids, since, until } = spanOf(deliveries)
      const rows = await database.run<DeliveryRow>({ name: "replay-standings", text: STANDINGS, values: [ids, since, until] })
      return new Map(rows.map((row) => [row.id, deliveryOf(row)]))
    },
    async countReplay(query) {
      const { text, values } = countStatement(query)
      const [row] = await database.run<{ count: number }>({ text, values })
      return row?.count ?? 0
    },
  }
}

/** Rows are kept by day: the span tells which days are looked through. */
function spanOf(made: readonly { readonly id: string; readonly createdAt: Timestamp }[]) {
  const times = made.map(({ createdAt }) => timestampDate(createdAt).getTime())
  const edge = (ms: number): Date => new Date(Number.isFinite(ms) ? ms : 0)
  return { ids: textColumn(made.map(({ id }) => id)), since: edge(Math.min(...times)), until: edge(Math.max(...times)) }
}

const ACCEPTED = `
  select *, id as event_id, type as event_type, created_at as accepted_at
  from posthorn.events`

const PLACES = `
  select id, log_topic, log_partition, log_offset
  from posthorn.events
  where id = any($1::text[]) and created_at between $2 and $3`

const STANDINGS = `
  select *
  from posthorn.deliveries
  where id = any($1::text[]) and created_at between $2 and $3`

function countStatement({ applicationId, types, since, until, subscription }: ReplayCount) {
  const exact = types.filter((type) => !type.endsWith("*"))
  const prefixes = types.filter((type) => type.endsWith(".*")).map((type) => type.slice(0, -1))
  const all = types.length === 0 || types.includes("*")
  const values: unknown[] = [applicationId, timestampDate(since), timestampDate(until)]
  const parameter = (value: unknown): string => `$${values.push(value)}`
  const conditions = [
    "e.application_id = $1 and e.created_at >= $2 and e.created_at < $3",
    ...(all
      ? []
      : [
          `(e.type = any(${parameter(exact)}::text[]) or exists (select from unnest(${parameter(prefixes)}::text[]) p where starts_with(e.type, p)))`,
        ]),
    ...(subscription === undefined ? [] : [takenBy(subscription, parameter)]),
  ]
  return { text: `select count(*) as count from posthorn.events e where ${conditions.join(" and ")}`, values }
}

/** Events that a subscription takes by its event types, or that came in for it; those that it has not got, if only they are wanted. */
function takenBy({ id, eventTypes, undelivered }: NonNullable<ReplayCount["subscription"]>, parameter: (value: unknown) => string): string {
  const me = parameter(id)
  const exact = parameter(eventTypes.filter((type) => !type.endsWith("*")))
  const prefixes = parameter(eventTypes.filter((type) => type.endsWith(".*")).map((type) => type.slice(0, -1)))
  const any = parameter(eventTypes.includes("*"))
  const wants = `(e.type = any(${exact}::text[]) or (not e.operational and (${any}::boolean or exists (select from unnest(${prefixes}::text[]) p where starts_with(e.type, p)))))`
  const taken = `(e.only_subscription_id = ${me} or (e.only_subscription_id = '' and ${wants}))`
  if (!undelivered) return taken
  return `${taken} and not exists (
    select from posthorn.deliveries d
    where d.created_at = e.created_at and d.event_id = e.id and d.subscription_id = ${me} and d.state = 'delivered')`
}
