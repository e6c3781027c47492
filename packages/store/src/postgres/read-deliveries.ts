import { create } from "@bufbuild/protobuf"
import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { AttemptSchema, DeliverySchema, ListDeliveriesResponseSchema } from "@posthorn/proto"
import type { Attempt, Delivery, ListDeliveriesRequest, ListDeliveriesResponse } from "@posthorn/proto"
import type { QueryResultRow } from "pg"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { deliveryStates, errorClasses, outcomes } from "./enum-words.ts"
import { conjunction, readPage, when, withinTenancy, type Listed } from "./page.ts"

export interface DeliveryRow extends Listed {
  readonly id: string
  readonly application_id: string
  readonly event_id: string
  readonly subscription_id: string
  readonly event_type: string
  readonly state: string
  readonly attempt_count: number
  readonly last_status_code: number | null
  readonly last_error: string | null
  readonly reason: string
  readonly next_attempt_at: Date | null
  readonly finished_at: Date | null
  readonly round: number
}

const SELECT = `
  select id, application_id, event_id, subscription_id, event_type, state, attempt_count, last_status_code, last_error, reason,
    created_at, next_attempt_at, finished_at, round
  from posthorn.deliveries`

export async function listDeliveries(
  session: Session,
  tenancy: Tenancy,
  request: ListDeliveriesRequest,
): Promise<ListDeliveriesResponse | Refusal> {
  const page = await readPage<DeliveryRow>(session, {
    select: SELECT,
    idColumn: "id",
    conditions: [
      withinTenancy(tenancy),
      when("application_id =", request.applicationId),
      when("subscription_id =", request.subscriptionId),
      when("event_id =", request.eventId),
      when("event_type =", request.type),
      when("state =", request.state === 0 ? "" : deliveryStates.word(request.state)),
      when("last_status_code =", request.statusCode),
      when("created_at >=", request.since),
      when("created_at <", request.until),
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  return create(ListDeliveriesResponseSchema, { deliveries: page.rows.map((row) => deliveryOf(row)), nextPageToken: page.nextPageToken })
}

export async function deliveriesOfEvent(session: Session, tenancy: Tenancy, eventId: string): Promise<readonly Delivery[]> {
  const { sql, values } = conjunction([when("event_id =", eventId), withinTenancy(tenancy)])
  const text = `${SELECT} where ${sql} order by created_at, id limit ${limits.EVENT_DELIVERIES_MAX}`
  return (await session.run<DeliveryRow>({ text, values })).map((row) => deliveryOf(row))
}

export async function getDelivery(session: Session, tenancy: Tenancy, deliveryId: string): Promise<Delivery | undefined> {
  const { sql, values } = conjunction([when("id =", deliveryId), withinTenancy(tenancy)])
  const [row] = await session.run<DeliveryRow>({ text: `${SELECT} where ${sql} order by created_at limit 1`, values })
  if (row === undefined) return undefined
  const attempts = await session.run<AttemptRow>({ name: "attempts-of-delivery", text: ATTEMPTS, values: [row.created_at, row.id] })
  return deliveryOf(row, attempts.map(attemptOf))
}

const time = (date: Date | null): Timestamp | undefined => (date === null ? undefined : timestampFromDate(date))

/** Fields without a value are left out rather than set to `undefined`. */
function present<Fields extends Readonly<Record<string, unknown>>>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  // Only entries that are there are kept, which the type of the result says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

export function deliveryOf(row: DeliveryRow, attempts: Attempt[] = []): Delivery {
  return create(DeliverySchema, {
    id: row.id,
    applicationId: row.application_id,
    eventId: row.event_id,
    subscriptionId: row.subscription_id,
    eventType: row.event_type,
    state: deliveryStates.value(row.state),
    attemptCount: row.attempt_count,
    lastStatusCode: row.last_status_code ?? 0,
    lastError: row.last_error ?? "",
    reason: row.reason,
    round: row.round,
    attempts,
    ...present({ createdAt: time(row.created_at), nextAttemptAt: time(row.next_attempt_at), finishedAt: time(row.finished_at) }),
  })
}

interface AttemptRow extends QueryResultRow {
  readonly id: string
  readonly number: number
  readonly outcome: string
  readonly error_class: string
  readonly status_code: number
  readonly error: string
  readonly scheduled_at: Date | null
  readonly started_at: Date | null
  readonly finished_at: Date | null
  readonly duration_ms: number
  readonly request_method: string
  readonly request_url: string
  readonly request_headers: Record<string, string>
  readonly response_headers: Record<string, string> | null
  readonly response_body: string | null
  readonly response_truncated: boolean | null
  readonly phases_ms: { dns: number; connect: number; tls: number; firstByte: number; total: number } | null
}

const ATTEMPTS = `
  select id, number, outcome, error_class, status_code, error, scheduled_at, started_at, finished_at, duration_ms,
    request_method, request_url, request_headers, response_headers, response_body, response_truncated, phases_ms
  from posthorn.attempts
  where delivery_created_at = $1 and delivery_id = $2
  order by number
  limit 1000`

function attemptOf(row: AttemptRow): Attempt {
  const { response_headers: headers, response_body: body, response_truncated: truncated } = row
  return create(AttemptSchema, {
    id: row.id,
    number: row.number,
    outcome: outcomes.value(row.outcome),
    errorClass: errorClasses.value(row.error_class),
    statusCode: row.status_code,
    error: row.error,
    durationMs: row.duration_ms,
    request: { method: row.request_method, url: row.request_url, headers: row.request_headers },
    ...present({
      scheduledAt: time(row.scheduled_at),
      startedAt: time(row.started_at),
      finishedAt: time(row.finished_at),
      response: headers === null ? undefined : { headers, body: body ?? "", truncated: truncated ?? false },
      phasesMs: row.phases_ms ?? undefined,
    }),
  })
}
