import type { AttemptStatusRow, DeliveryRow } from "@posthorn/core"
import type { Attempt } from "@posthorn/proto"
import { bigintColumn, booleanColumn, doubleColumn, integerColumn, jsonColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { deliveryStates, errorClasses, nextAttemptReasons, outcomes } from "./enum-words.ts"

/** What says where a delivery stands: a later state takes the place of an earlier one. */
const STANDING = [
  "state",
  "round",
  "attempt_count",
  "reason",
  "next_attempt_at",
  "next_attempt_reason",
  "retry_number",
  "finished_at",
  "sequence",
  "log_partition",
  "log_offset",
]

/**
 * A row that knows of no attempt leaves what is known of the last one. That a delivery was created may be read after its first attempt: then it says
 * no more than how many subscriptions its event matched.
 */
const UPSERT_DELIVERIES = `
  insert into posthorn.deliveries as held (
    id, application_id, event_id, subscription_id, event_type, state, attempt_count, last_status_code, last_error, reason,
    created_at, next_attempt_at, finished_at, sequence, round, last_error_class, next_attempt_reason, retry_number, retention_hours,
    matched, log_partition, log_offset)
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[], $9::text[], $10::text[],
    $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::bigint[], $15::integer[],
    $16::text[], $17::text[], $18::integer[], $19::integer[], $20::integer[], $21::integer[], $22::bigint[])
  on conflict (created_at, id, retention_hours) do update set
    last_status_code = coalesce(excluded.last_status_code, held.last_status_code),
    last_error = coalesce(excluded.last_error, held.last_error),
    last_error_class = coalesce(excluded.last_error_class, held.last_error_class),
    matched = least(excluded.matched, held.matched),
    ${STANDING.map((column) => `${column} = case when excluded.sequence > held.sequence then excluded.${column} else held.${column} end`).join(",\n    ")}
  where excluded.sequence > held.sequence or excluded.matched < held.matched or (excluded.matched is not null and held.matched is null)`

export function upsertDeliveries(rows: readonly DeliveryRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  return {
    name: "deliveries-upsert",
    text: UPSERT_DELIVERIES,
    values: [
      textColumn(rows.map(({ facts }) => facts.deliveryId)),
      textColumn(rows.map(({ facts }) => facts.applicationId)),
      textColumn(rows.map(({ facts }) => facts.eventId)),
      textColumn(rows.map(({ facts }) => facts.subscriptionId)),
      textColumn(rows.map(({ facts }) => facts.eventType)),
      textColumn(rows.map(({ state }) => deliveryStates.word(state))),
      integerColumn(rows.map(({ attemptCount }) => attemptCount)),
      integerColumn(rows.map(({ lastAttempt }) => lastAttempt?.statusCode)),
      textColumn(rows.map(({ lastAttempt }) => lastAttempt?.error)),
      textColumn(rows.map(({ reason }) => reason)),
      timeColumn(rows.map(({ facts }) => facts.createdAt)),
      timeColumn(rows.map(({ nextAttemptAt }) => nextAttemptAt)),
      timeColumn(rows.map(({ finishedAt }) => finishedAt)),
      bigintColumn(rows.map(({ sequence }) => sequence)),
      integerColumn(rows.map(({ round }) => round)),
      textColumn(rows.map(({ lastAttempt }) => lastAttempt && errorClasses.word(lastAttempt.errorClass))),
      textColumn(rows.map(({ nextAttempt }) => nextAttempt && nextAttemptReasons.word(nextAttempt.reason))),
      integerColumn(rows.map(({ nextAttempt }) => nextAttempt?.retryNumber)),
      integerColumn(rows.map(({ facts }) => facts.retentionHours)),
      integerColumn(rows.map(({ matched }) => matched)),
      integerColumn(rows.map(({ place }) => place.partition)),
      bigintColumn(rows.map(({ place }) => place.offset)),
    ],
  }
}

/** The first record of an attempt counts: a later one of the same number is a repetition after a crash. */
const UPSERT_ATTEMPTS = `
  insert into posthorn.attempts (
    id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code, error,
    scheduled_at, started_at, finished_at, duration_ms, request_method, request_url, request_headers,
    response_headers, response_body, response_truncated, phases_ms, retention_hours)
  select
    id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code, error,
    scheduled_at, started_at, finished_at, duration_ms, request_method, request_url, request_headers::jsonb,
    response_headers::jsonb, response_body, response_truncated, phases_ms::jsonb, retention_hours
  from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::integer[], $8::text[], $9::text[], $10::integer[], $11::text[],
    $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::double precision[], $16::text[], $17::text[], $18::text[],
    $19::text[], $20::text[], $21::boolean[], $22::text[], $23::integer[])
  as row (
    id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code, error,
    scheduled_at, started_at, finished_at, duration_ms, request_method, request_url, request_headers,
    response_headers, response_body, response_truncated, phases_ms, retention_hours)
  on conflict (delivery_created_at, delivery_id, number, retention_hours) do nothing`

export function upsertAttempts(rows: readonly AttemptStatusRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  return {
    name: "attempts-upsert",
    text: UPSERT_ATTEMPTS,
    values: [
      textColumn(rows.map(({ attempt }) => attempt.id)),
      textColumn(rows.map(({ facts }) => facts.applicationId)),
      textColumn(rows.map(({ facts }) => facts.subscriptionId)),
      textColumn(rows.map(({ facts }) => facts.deliveryId)),
      timeColumn(rows.map(({ facts }) => facts.createdAt)),
      integerColumn(rows.map(({ round }) => round)),
      integerColumn(rows.map(({ attempt }) => attempt.number)),
      textColumn(rows.map(({ attempt }) => outcomes.word(attempt.outcome))),
      textColumn(rows.map(({ attempt }) => errorClasses.word(attempt.errorClass))),
      integerColumn(rows.map(({ attempt }) => attempt.statusCode)),
      textColumn(rows.map(({ attempt }) => attempt.error)),
      timeColumn(rows.map(({ attempt }) => attempt.scheduledAt)),
      timeColumn(rows.map(({ attempt }) => attempt.startedAt)),
      timeColumn(rows.map(({ attempt }) => attempt.finishedAt)),
      doubleColumn(rows.map(({ attempt }) => attempt.durationMs)),
      textColumn(rows.map(({ attempt }) => attempt.request?.method ?? "")),
      textColumn(rows.map(({ attempt }) => attempt.request?.url ?? "")),
      jsonColumn(rows.map(({ attempt }) => attempt.request?.headers ?? {})),
      jsonColumn(rows.map(({ attempt }) => attempt.response?.headers)),
      textColumn(rows.map(({ attempt }) => attempt.response?.body)),
      booleanColumn(rows.map(({ attempt }) => attempt.response?.truncated)),
      jsonColumn(rows.map(({ attempt }) => phasesOf(attempt))),
      integerColumn(rows.map(({ facts }) => facts.retentionHours)),
    ],
  }
}

function phasesOf({ phasesMs }: Attempt): object | undefined {
  return (
    phasesMs && { dns: phasesMs.dns, connect: phasesMs.connect, tls: phasesMs.tls, firstByte: phasesMs.firstByte, total: phasesMs.total }
  )
}
