import { fromBinary } from "@bufbuild/protobuf"
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import {
  AttemptRecordSchema,
  AuditRecordSchema,
  ConfigChangedSchema,
  ControlRecordSchema,
  DeadLetterRecordSchema,
  EventAcceptedSchema,
  type AttemptRecord,
  type AuditRecord,
  type ConfigChanged,
  type ControlRecord,
  type DeadLetterRecord,
  type DeliveryDue,
  type DeliveryFacts,
  type EventAccepted,
} from "@posthorn/proto"
import { deliveryIn } from "../delivery/evolve.ts"
import { PROJECT_NAME_LENGTH_MAX, RETENTION_HOURS_MAX } from "../limits.ts"
import type { EventTopic, Topic } from "../topics.ts"

/** Topics that the views are made of. */
export const PROJECTED_TOPICS = [
  "config",
  "events",
  "events.bulk",
  "attempts",
  "dead-letters",
  "control",
  "audit",
] as const satisfies readonly Topic[]

/** A record of a projected topic, with what it says. */
export type Decoded =
  | { readonly topic: "config"; readonly message: ConfigChanged }
  | { readonly topic: EventTopic; readonly message: EventAccepted }
  | { readonly topic: "attempts"; readonly message: AttemptRecord }
  | { readonly topic: "dead-letters"; readonly message: DeadLetterRecord }
  | { readonly topic: "control"; readonly message: ControlRecord }
  | { readonly topic: "audit"; readonly message: AuditRecord }

/** Where a record was. */
export interface RecordPosition {
  readonly partition: number
  readonly offset: number
}

export type ProjectedRecord = RecordPosition & Decoded

/** Why a record cannot become a row. */
export interface Undecodable {
  readonly undecodable: string
}

/**
 * Reads a record of a projected topic. Bytes that are no such message, and messages without what every row needs (identity, a usable time),
 * are undecodable: an empty value reads as a message with nothing in it.
 */
export function decodeRecord(topic: Topic, value: Uint8Array): Decoded | Undecodable {
  try {
    const decoded = read(topic, value)
    const fault = decoded === undefined ? `records of ${topic} are not projected` : faultOf(decoded)
    return decoded === undefined || fault !== undefined ? { undecodable: fault ?? "" } : decoded
  } catch (error) {
    // What the codec throws says where the bytes stop making sense; nothing else can fail here.
    return { undecodable: error instanceof Error ? error.message.slice(0, 200) : "not a message" }
  }
}

function read(topic: Topic, value: Uint8Array): Decoded | undefined {
  switch (topic) {
    case "config":
      return { topic, message: fromBinary(ConfigChangedSchema, value) }
    case "events":
    case "events.bulk":
      return { topic, message: fromBinary(EventAcceptedSchema, value) }
    case "attempts":
      return { topic, message: fromBinary(AttemptRecordSchema, value) }
    case "dead-letters":
      return { topic, message: fromBinary(DeadLetterRecordSchema, value) }
    case "control":
      return { topic, message: fromBinary(ControlRecordSchema, value) }
    case "audit":
      return { topic, message: fromBinary(AuditRecordSchema, value) }
    default:
      return undefined
  }
}

function faultOf({ topic, message }: Decoded): string | undefined {
  switch (topic) {
    case "config":
      return message.entityId === "" || message.state.case === undefined ? "a change without entity or state" : undefined
    case "events":
    case "events.bulk":
      if (message.eventId === "" || message.applicationId === "") return "an event without id or application"
      return (
        lengthFault(message.eventId, message.applicationId, message.type, message.onlySubscriptionId) ??
        timeFault(message.acceptedAt) ??
        retentionFault(message.retentionHours)
      )
    case "attempts":
      return attemptFault(message)
    case "dead-letters":
      return deadLetterFault(message)
    case "control":
      return controlFault(message)
    case "audit":
      if (message.id === "" || message.method === "") return "a refused request without id or method"
      return (
        lengthFault(message.id, message.applicationId, message.entityId, message.method, message.actor?.id ?? "") ??
        timeFault(message.refusedAt)
      )
  }
}

function attemptFault(message: AttemptRecord): string | undefined {
  const { record } = message
  if (record.case === "unmatched") {
    const { eventId, applicationId, eventType, acceptedAt } = record.value
    if (eventId === "" || applicationId === "") return "an unmatched event without id or application"
    return lengthFault(eventId, applicationId, eventType) ?? timeFault(acceptedAt)
  }
  if (record.case === "finished" && (record.value.attempt === undefined || record.value.attempt.number < 1))
    return "a finished attempt without the attempt"
  return factsFault(deliveryIn(message), "an outcome without its delivery")
}

function factsFault(facts: DeliveryFacts | undefined, missing: string): string | undefined {
  return namesFault(facts, missing) ?? timeFault(facts?.createdAt) ?? retentionFault(facts?.retentionHours)
}

function namesFault(facts: DeliveryFacts | undefined, missing: string): string | undefined {
  if (facts === undefined || facts.deliveryId === "" || facts.applicationId === "") return missing
  return lengthFault(facts.deliveryId, facts.applicationId, facts.eventId, facts.subscriptionId, facts.eventType)
}

function deadLetterFault({ content, deadAt }: DeadLetterRecord): string | undefined {
  if (content.case === undefined) return "a dead letter without content"
  if (content.case === "poison") return lengthFault(content.value.topic) ?? timeFault(deadAt)
  if (content.case === "discarded")
    return namesFault(content.value.delivery, "a discarded letter without its delivery") ?? timeFault(deadAt)
  return dueFault(content.value, "a dead letter without its delivery") ?? timeFault(deadAt)
}

function controlFault({ record }: ControlRecord): string | undefined {
  switch (record.case) {
    case "cancel":
      return namesFault(record.value.delivery, "a cancelled try without its delivery")
    case "run":
      return dueFault(record.value.due, "a wanted try without its delivery")
    default:
      return record.case === undefined ? "a control record without content" : undefined
  }
}

function dueFault(due: DeliveryDue | undefined, missing: string): string | undefined {
  if (due === undefined || due.deliveryId === "" || due.event === undefined) return missing
  const { eventId, applicationId, type } = due.event
  return lengthFault(due.deliveryId, due.subscriptionId, eventId, applicationId, type)
}

const lengthFault = (...names: readonly string[]): string | undefined =>
  names.some((name) => name.length > PROJECT_NAME_LENGTH_MAX) ? "an id or a name that is too long" : undefined

const TIME_MS_MIN = Date.UTC(2000, 0)
const TIME_MS_MAX = Date.UTC(2200, 0)

/** Rows are kept by day: a time far from every clock would make a day of its own that is never let go. */
function timeFault(time: Timestamp | undefined): string | undefined {
  const ms = time === undefined ? Number.NaN : timestampMs(time)
  return ms >= TIME_MS_MIN && ms < TIME_MS_MAX ? undefined : "no usable time"
}

/** Every value has tables of its own, which a nonsensical one would keep for ever. */
const retentionFault = (hours = 0): string | undefined => (hours >= 0 && hours <= RETENTION_HOURS_MAX ? undefined : "no usable retention")
