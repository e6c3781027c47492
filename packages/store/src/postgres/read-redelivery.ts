import { create } from "@bufbuild/protobuf"
import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import type { EventTopic } from "@posthorn/core"
import { EventAcceptedSchema, FieldViolationSchema, type EventAccepted } from "@posthorn/proto"
import type { AcceptedEvent, Redelivery, Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { conjunction, when, withinTenancy } from "./page.ts"
import { deliveryOf, type DeliveryRow } from "./read-deliveries.ts"

/** An event with its payload, as it was accepted. */
export interface AcceptedRow {
  readonly event_id: string
  readonly application_id: string
  readonly event_type: string
  readonly content_type: string
  readonly payload: Buffer
  readonly metadata: Record<string, string>
  readonly idempotency_key: string
  readonly only_subscription_id: string
  readonly accepted_at: Date
  readonly occurred_at: Date | null
  readonly deliver_at: Date | null
  readonly operational: boolean
  readonly retention_hours: number
  readonly schema_violations: readonly { readonly field: string; readonly reason: string }[] | null
  readonly config_position: number
  readonly log_topic: EventTopic | null
  readonly log_partition: number | null
  readonly log_offset: number | null
}

interface RedeliveryRow extends DeliveryRow, AcceptedRow {
  readonly first_number: number | null
  readonly first_started_at: Date | null
}

/** An event is kept by the same day as its deliveries, whose time is its own. */
const SELECT = `
  select d.*, e.content_type, e.payload, e.metadata, e.idempotency_key, e.only_subscription_id, e.created_at as accepted_at, e.occurred_at, e.deliver_at,
    e.operational, e.schema_violations, e.config_position, e.log_topic, e.log_partition, e.log_offset, a.number as first_number, a.started_at as first_started_at
  from found d
  join lateral (select * from posthorn.events where id = d.event_id order by created_at limit 1) e on true
  left join lateral (
    select number, started_at from posthorn.attempts
    where delivery_created_at = d.created_at and delivery_id = d.id and round = d.round
    order by number limit 1
  ) a on true`

export async function getRedelivery(session: Session, tenancy: Tenancy, deliveryId: string): Promise<Redelivery | undefined> {
  const { sql, values } = conjunction([when("id =", deliveryId), withinTenancy(tenancy)])
  const text = `with found as (select * from posthorn.deliveries where ${sql} order by created_at limit 1) ${SELECT}`
  const [row] = await session.run<RedeliveryRow>({ text, values })
  if (row === undefined) return undefined
  const { first_number: number } = row
  return {
    delivery: deliveryOf(row),
    ...acceptedOf(row),
    roundFirst: number === null ? undefined : { number, startedAt: time(row.first_started_at) },
  }
}

/** The event, and where the log had it. */
export function acceptedOf(row: AcceptedRow): AcceptedEvent {
  const { log_topic: topic, log_partition: partition, log_offset: offset } = row
  const place = topic === null || partition === null || offset === null ? undefined : { topic, partition, offset }
  return { event: eventOf(row), place }
}

function eventOf(row: AcceptedRow): EventAccepted {
  const [occurredAt, deliverAt] = [time(row.occurred_at), time(row.deliver_at)]
  return create(EventAcceptedSchema, {
    eventId: row.event_id,
    applicationId: row.application_id,
    type: row.event_type,
    contentType: row.content_type,
    payload: row.payload,
    metadata: row.metadata,
    idempotencyKey: row.idempotency_key,
    onlySubscriptionId: row.only_subscription_id,
    acceptedAt: timestampFromDate(row.accepted_at),
    operational: row.operational,
    retentionHours: row.retention_hours,
    schemaViolations: (row.schema_violations ?? []).map((violation) => create(FieldViolationSchema, violation)),
    configPosition: BigInt(row.config_position),
    ...(occurredAt ? { occurredAt } : {}),
    ...(deliverAt ? { deliverAt } : {}),
  })
}

const time = (date: Date | null): Timestamp | undefined => (date === null ? undefined : timestampFromDate(date))
