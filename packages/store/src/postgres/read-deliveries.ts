import { create } from "@bufbuild/protobuf"
import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { AttemptSchema, DeliverySchema, ListDeliveriesResponseSchema, NextAttemptSchema } from "@posthorn/proto"
import type { Attempt, CountDeliveriesRequest, Delivery, ListDeliveriesRequest, ListDeliveriesResponse } from "@posthorn/proto"
import type { QueryResultRow } from "pg"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { deliveryStates, errorClasses, nextAttemptReasons, outcomes } from "./enum-words.ts"
import { conjunction, readPage, when, withinTenancy, type Condition, type Listed } from "./page.ts"
import { searchCondition } from "./search.ts"

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
  readonly last_error_class: string | null
  readonly reason: string
  readonly next_attempt_at: Date | null
  readonly next_attempt_reason: string | null
  readonly retry_number: number | null
  readonly finished_at: Date | null
  readonly round: number
  readonly retention_hours: number
}

const SELECT = `
  select id, application_id, event_id, subscription_id, event_type, state, attempt_count, last_status_code, last_error,
    last_error_class, reason, created_at, next_attempt_at, next_attempt_reason, retry_number, finished_at, round, retention_hours
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
      ...(await deliveryConditions(session, tenancy, request)),
      when("state =", request.state === 0 ? "" : deliveryStates.word(request.state)),
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  return create(ListDeliveriesResponseSchema, { deliveries: page.rows.map((row) => deliveryOf(row)), nextPageToken: page.nextPageToken })
}

/** What lists and counts filter by, but for the state. */
export async function deliveryConditions(
  session: Session,
  tenancy: Tenancy,
  filter: ListDeliveriesRequest | CountDeliveriesRequest,
): Promise<readonly (Condition | undefined)[]> {
  return [
    withinTenancy(tenancy),
    when("application_id =", filter.applicationId),
    when("subscription_id =", filter.subscriptionId),
    when("event_id =", filter.eventId),
    when("event_type =", filter.type),
    when("last_status_code =", filter.statusCode),
    when("last_error_class =", filter.errorClass === 0 ? "" : errorClasses.word(filter.errorClass)),
    when("created_at >=", filter.since),
    when("created_at <", filter.until),
    await searchCondition(session, { tenancy, search: filter.search }, { delivery: "id", event: "event_id" }),
  ]
}

export async function deliveriesOfEvent(session: Session, tenancy: Tenancy, eventId: string): Promise<readonly Delivery[]> {
  const { sql, values } = conjunction([when("event_id =", eventId), withinTenancy(tenancy)])
  const text = `${SELECT} where ${sql} order by created_at, id limit ${limits.EVENT_DELIVERIES_MAX}`
  return (await session.run<DeliveryRow>({ text, values })).map((row) => withPlan(row, deliveryOf(row)))
}

export async function getDelivery(session: Session, tenancy: Tenancy, deliveryId: string): Promise<Delivery | undefined> {
  const { sql, values } = conjunction([when("id =", deliveryId), withinTenancy(tenancy)])
  const [row] = await session.run<DeliveryRow>({ text: `${SELECT} where ${sql} order by created_at limit 1`, values })
  if (row === undefined) return undefined
  const attempts = await session.run<AttemptRow>({ name: "attempts-of-delivery", text: ATTEMPTS, values: [row.created_at, row.id] })
  return withPlan(row, deliveryOf(row, attempts.map(attemptOf)))
}

/** With what decided about the next attempt when the last one failed. */
function withPlan(row: DeliveryRow, delivery: Delivery): Delivery {
  if (row.next_attempt_reason === null) return delivery
  const plan = { reason: nextAttemptReasons.value(row.next_attempt_reason), retryNumber: row.retry_number ?? 0 }
  delivery.nextAttempt = create(NextAttemptSchema, plan)
  return delivery
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
    lastErrorClass: errorClasses.value(row.last_error_class ?? ""),
    reason: row.reason,
    round: row.round,
    retentionHours: row.retention_hours,
    attempts,
    ...present({ createdAt: time(row.created_at), nextAttemptAt: time(row.next_attempt_at), finishedAt: time(row.finished_at) }),
  })
}

export interface AttemptRow extends QueryResultRow {
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

/** But for the body of the answer. */
export const ATTEMPT_COLUMNS = `id, number, outcome, error_class, status_code, error, scheduled_at, started_at, finished_at, duration_ms,
    request_method, request_url, request_headers, response_headers, phases_ms`

const ATTEMPTS = `
  select ${ATTEMPT_COLUMNS}, response_body, response_truncated
  from posthorn.attempts
  where delivery_created_at = $1 and delivery_id = $2
  order by number
  limit 1000`

export function attemptOf(row: AttemptRow): Attempt {
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
