import type { EventStatusRow } from "@posthorn/core"
import type { EventAccepted } from "@posthorn/proto"
import { bigintColumn, booleanColumn, bytesColumn, integerColumn, jsonColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"

/** An event never changes: a copy that is there already stays. */
const COLUMNS = `
  id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at, occurred_at, deliver_at,
  operational, config_position, log_topic, log_partition, log_offset, schema_violations, retention_hours`
const UPSERT = `
  insert into posthorn.events (${COLUMNS})
  select
    id, application_id, type, content_type, size_bytes, payload, metadata::jsonb, idempotency_key, only_subscription_id, created_at, occurred_at, deliver_at,
    operational, config_position, log_topic, log_partition, log_offset, schema_violations::jsonb, retention_hours
  from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bytea[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::boolean[], $14::bigint[], $15::text[], $16::integer[], $17::bigint[], $18::text[], $19::integer[])
  as row (${COLUMNS})
  on conflict (created_at, id, retention_hours) do nothing`

export function upsertEvents(rows: readonly EventStatusRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  const events = rows.map(({ event }) => event)
  return {
    name: "events-upsert",
    text: UPSERT,
    values: [
      textColumn(events.map((event) => event.eventId)),
      textColumn(events.map((event) => event.applicationId)),
      textColumn(events.map((event) => event.type)),
      textColumn(events.map((event) => event.contentType)),
      integerColumn(events.map((event) => event.payload.length)),
      bytesColumn(events.map((event) => event.payload)),
      jsonColumn(events.map((event) => event.metadata)),
      textColumn(events.map((event) => event.idempotencyKey)),
      textColumn(events.map((event) => event.onlySubscriptionId)),
      timeColumn(events.map((event) => event.acceptedAt)),
      timeColumn(events.map((event) => event.occurredAt)),
      timeColumn(events.map((event) => event.deliverAt)),
      booleanColumn(events.map((event) => event.operational)),
      bigintColumn(events.map((event) => Number(event.configPosition))),
      textColumn(rows.map(({ topic }) => topic)),
      integerColumn(rows.map(({ partition }) => partition)),
      bigintColumn(rows.map(({ offset }) => offset)),
      jsonColumn(events.map(violationsOf)),
      integerColumn(events.map(({ retentionHours }) => retentionHours)),
    ],
  }
}

const violationsOf = ({ schemaViolations }: EventAccepted) =>
  schemaViolations.length === 0 ? undefined : schemaViolations.map(({ field, reason }) => ({ field, reason }))
