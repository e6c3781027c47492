import { create } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { isRefusal, type Refusal } from "@posthorn/core"
import { EventSchema, FieldViolationSchema, GetEventPayloadResponseSchema, ListEventsResponseSchema } from "@posthorn/proto"
import type { Event, GetEventPayloadResponse, ListEventsRequest, ListEventsResponse } from "@posthorn/proto"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { conjunction, readPage, when, withinTenancy, type Listed } from "./page.ts"
import { searchCondition } from "./search.ts"

interface EventRow extends Listed {
  readonly id: string
  readonly application_id: string
  readonly type: string
  readonly content_type: string
  readonly size_bytes: number
  readonly metadata: Record<string, string>
  readonly idempotency_key: string
  readonly only_subscription_id: string
  readonly occurred_at: Date | null
  readonly deliver_at: Date | null
  readonly operational: boolean
  /** Of single reads alone. */
  readonly schema_violations?: readonly { readonly field: string; readonly reason: string }[] | null
}

const COLUMNS =
  "id, application_id, type, content_type, size_bytes, metadata, idempotency_key, only_subscription_id, created_at, occurred_at, deliver_at, operational"

export async function listEvents(session: Session, tenancy: Tenancy, request: ListEventsRequest): Promise<ListEventsResponse | Refusal> {
  const page = await readPage<EventRow>(session, {
    select: `select ${COLUMNS} from posthorn.events`,
    idColumn: "id",
    conditions: [
      withinTenancy(tenancy),
      when("application_id =", request.applicationId),
      when("type =", request.type),
      when("only_subscription_id =", request.subscriptionId),
      when("created_at >=", request.since),
      when("created_at <", request.until),
      await searchCondition(session, { tenancy, search: request.search }, { event: "id" }),
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  return create(ListEventsResponseSchema, { events: page.rows.map(eventOf), nextPageToken: page.nextPageToken })
}

export async function getEvent(session: Session, tenancy: Tenancy, eventId: string): Promise<Event | undefined> {
  const { sql, values } = conjunction([when("id =", eventId), withinTenancy(tenancy)])
  const text = `select ${COLUMNS}, schema_violations from posthorn.events where ${sql} order by created_at limit 1`
  const [row] = await session.run<EventRow>({ text, values })
  return row && eventOf(row)
}

export async function getPayload(session: Session, tenancy: Tenancy, eventId: string): Promise<GetEventPayloadResponse | undefined> {
  const { sql, values } = conjunction([when("id =", eventId), withinTenancy(tenancy)])
  const text = `select content_type, payload from posthorn.events where ${sql} order by created_at limit 1`
  const [row] = await session.run<{ content_type: string; payload: Buffer }>({ text, values })
  return row && create(GetEventPayloadResponseSchema, { contentType: row.content_type, data: row.payload })
}

function eventOf(row: EventRow): Event {
  return create(EventSchema, {
    id: row.id,
    applicationId: row.application_id,
    type: row.type,
    contentType: row.content_type,
    sizeBytes: row.size_bytes,
    metadata: row.metadata,
    idempotencyKey: row.idempotency_key,
    onlySubscriptionId: row.only_subscription_id,
    createdAt: timestampFromDate(row.created_at),
    operational: row.operational,
    ...(row.deliver_at === null ? {} : { deliverAt: timestampFromDate(row.deliver_at) }),
    ...(row.occurred_at === null ? {} : { occurredAt: timestampFromDate(row.occurred_at) }),
    schemaViolations: (row.schema_violations ?? []).map((violation) => create(FieldViolationSchema, violation)),
  })
}
