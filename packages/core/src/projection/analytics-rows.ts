/**
 * What ClickHouse gets to know: facts of events and attempts, one row each, with the columns of its tables as field names.
 * No payload, no header, no URL, no answer, no secret.
 */
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { ERROR_CLASS_WORDS, type ErrorClassWord } from "../attempt/error-class-words.ts"
import { DeliveryState, Outcome } from "@posthorn/proto"
import type { AttemptRecord, EventAccepted } from "@posthorn/proto"

/** A row of `events`; (application_id, event_id) is its identity. Times are Unix milliseconds. */
export interface EventRow {
  readonly application_id: string
  readonly event_id: string
  readonly event_type: string
  /** The one subscription that an ingested event goes to; empty for a published one. */
  readonly subscription_id: string
  readonly payload_bytes: number
  readonly accepted_at: number
  /** Decides between rows of one identity: the later record stays. */
  readonly log_offset: number
}

/** A row of `delivery_attempts`; (application_id, subscription_id, delivery_id, round, attempt) is its identity. Times are Unix milliseconds. */
export interface AttemptRow {
  readonly application_id: string
  readonly subscription_id: string
  readonly event_id: string
  readonly event_type: string
  readonly delivery_id: string
  readonly round: number
  /** 1, 2, 3 …; goes on counting over rounds. */
  readonly attempt: number
  readonly outcome: "delivered" | "failed"
  /** Empty when delivered. */
  readonly error_class: ErrorClassWord
  /** 0 = there was no answer. */
  readonly status_code: number
  /** Of the delivery after this attempt. */
  readonly delivery_state: "scheduled" | "retrying" | "delivered" | "dead" | "cancelled"
  /** When the delivery was made. */
  readonly created_at: number
  readonly scheduled_at: number
  readonly started_at: number
  readonly finished_at: number
  readonly duration_ms: number
  /** Decides between rows of one identity: the later record stays. */
  readonly log_offset: number
}

const DELIVERY_STATES: Readonly<Record<DeliveryState, AttemptRow["delivery_state"]>> = {
  [DeliveryState.UNSPECIFIED]: "scheduled",
  [DeliveryState.SCHEDULED]: "scheduled",
  [DeliveryState.RETRYING]: "retrying",
  [DeliveryState.DELIVERED]: "delivered",
  [DeliveryState.DEAD]: "dead",
  [DeliveryState.CANCELLED]: "cancelled",
}

/** Later than this ClickHouse's DateTime64 cannot tell times apart; such a record must not hold up the inserts of all others. */
const TIME_MS_MAX = 7_258_118_400_000 // 2200-01-01

/** The row of an accepted event; none when the record lacks its identity or a usable time, which no gateway writes. */
export function eventRow(event: EventAccepted, offset: number): EventRow | undefined {
  const acceptedMs = unixMs(event.acceptedAt)
  if (event.applicationId === "" || event.eventId === "" || acceptedMs === undefined) return undefined
  return {
    application_id: event.applicationId,
    event_id: event.eventId,
    event_type: event.type,
    subscription_id: event.onlySubscriptionId,
    payload_bytes: event.payload.length,
    accepted_at: acceptedMs,
    log_offset: offset,
  }
}

/** The row of a finished attempt; none for what is not an attempt (created, settled), and when identity or a usable end is missing. */
export function attemptRow(record: AttemptRecord, offset: number): AttemptRow | undefined {
  if (record.record.case !== "finished") return undefined
  const { delivery, attempt, round, state } = record.record.value
  if (delivery === undefined || attempt === undefined) return undefined
  const finishedMs = unixMs(attempt.finishedAt)
  if (delivery.applicationId === "" || delivery.deliveryId === "" || finishedMs === undefined) return undefined
  const startedMs = unixMs(attempt.startedAt) ?? finishedMs
  const delivered = attempt.outcome === Outcome.DELIVERED
  return {
    application_id: delivery.applicationId,
    subscription_id: delivery.subscriptionId,
    event_id: delivery.eventId,
    event_type: delivery.eventType,
    delivery_id: delivery.deliveryId,
    round,
    attempt: attempt.number,
    outcome: delivered ? "delivered" : "failed",
    // A class or state that a newer version wrote has no name here: it counts as what every failure is.
    error_class: delivered ? "" : (ERROR_CLASS_WORDS[attempt.errorClass] ?? ""),
    status_code: attempt.statusCode,
    delivery_state: DELIVERY_STATES[state] ?? "scheduled",
    created_at: unixMs(delivery.createdAt) ?? startedMs,
    scheduled_at: unixMs(attempt.scheduledAt) ?? startedMs,
    started_at: startedMs,
    finished_at: finishedMs,
    duration_ms: Number.isFinite(attempt.durationMs) ? attempt.durationMs : 0,
    log_offset: offset,
  }
}

function unixMs(time: Timestamp | undefined): number | undefined {
  if (time === undefined) return undefined
  const ms = Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000)
  return ms >= 0 && ms < TIME_MS_MAX ? ms : undefined
}
