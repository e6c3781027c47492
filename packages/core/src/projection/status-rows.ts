import { DeliveryState, NextAttemptReason } from "@posthorn/proto"
import type {
  Attempt,
  AttemptRecord,
  ConfigChanged,
  DeadLetterRecord,
  DeliveryFacts,
  EventAccepted,
  SubscriptionHealth,
} from "@posthorn/proto"
import type { EventTopic } from "../topics.ts"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { deliveryIn, sequenceOf } from "../delivery/evolve.ts"
import { controlDeed, createdDeed, refusedDeed, requeueDeed, type AuditRow } from "./audit-row.ts"
import { foldConfig, type ConfigRows, type KnownEntity } from "./config-rows.ts"
import type { ProjectedRecord, RecordPosition } from "./decode-record.ts"
import { addSettlement, deadLetterIdentity, discarded, redriven, type SettlementRow } from "./settlement-rows.ts"

/** Where a delivery stands after the latest of some records of it. A row with a higher `sequence` takes the place of one with a lower. */
export interface DeliveryRow {
  readonly facts: DeliveryFacts
  readonly sequence: number
  readonly state: DeliveryState
  readonly round: number
  readonly attemptCount: number
  readonly nextAttemptAt: Timestamp | undefined
  /** What decided about it, when an attempt failed or a replay made the delivery. */
  readonly nextAttempt: { readonly reason: NextAttemptReason; readonly retryNumber: number } | undefined
  readonly finishedAt: Timestamp | undefined
  readonly reason: string
  /** The last attempt that ended, when these records hold it: what is known of an earlier one stays otherwise. */
  readonly lastAttempt: Attempt | undefined
  /**
   * How many subscriptions the router says that the event matched; `undefined` = these records do not tell. An event that was routed again may have
   * matched others by then: the least counts, as nobody need have finished what was more.
   */
  readonly matched: number | undefined
  /** Where the topic `attempts` holds the record that the row comes from. */
  readonly place: RecordPosition
}

/** An event for which the router found no subscription. Its event may be read later: its record is in another topic, in the same partition. */
export interface UnmatchedRow {
  readonly eventId: string
  readonly acceptedAt: Timestamp | undefined
}

/** One attempt; (delivery, number) is its identity, and the first record of it counts. */
export interface AttemptStatusRow {
  readonly facts: DeliveryFacts
  readonly round: number
  readonly attempt: Attempt
}

/** One dead letter; the first copy counts. Copies are in one partition, as they have one key. */
export interface DeadLetterRow {
  /** The same for every copy: of a delivery's round, or of the position of a record that nobody could read. */
  readonly identity: string
  readonly partition: number
  readonly offset: number
  readonly letter: DeadLetterRecord
}

/** How a subscription's endpoint did at an attempt. The newest record of its partition counts; one subscription is in one partition. */
export interface HealthRow {
  readonly subscriptionId: string
  readonly applicationId: string
  readonly offset: number
  readonly health: SubscriptionHealth
}

/** An accepted event, with where the log has it. The first copy counts; copies are in one partition, as they have one key. */
export interface EventStatusRow {
  readonly event: EventAccepted
  readonly topic: EventTopic
  readonly partition: number
  readonly offset: number
}

/** What a stretch of the log makes of the status views: at most one row an identity, so that each table needs one statement. */
export interface StatusRows {
  readonly events: readonly EventStatusRow[]
  readonly unmatched: readonly UnmatchedRow[]
  readonly deliveries: readonly DeliveryRow[]
  readonly attempts: readonly AttemptStatusRow[]
  readonly deadLetters: readonly DeadLetterRow[]
  readonly settlements: readonly SettlementRow[]
  readonly health: readonly HealthRow[]
  readonly audit: readonly AuditRow[]
  readonly config: Omit<ConfigRows, "audit">
}

/** Rows by identity, while they are folded. */
class Fold {
  readonly events = new Map<string, EventStatusRow>()
  readonly unmatched = new Map<string, UnmatchedRow>()
  readonly deliveries = new Map<string, DeliveryRow>()
  readonly attempts = new Map<string, AttemptStatusRow>()
  readonly deadLetters = new Map<string, DeadLetterRow>()
  readonly settlements = new Map<string, SettlementRow>()
  readonly health = new Map<string, HealthRow>()
  readonly audit = new Map<string, AuditRow>()
  readonly changes: { offset: number; change: ConfigChanged }[] = []
}

/**
 * Folds records into rows. Records of one partition come in order of offset; nothing depends on the order between partitions, on where
 * the log is cut into stretches, or on a stretch being folded again. `known` are the entities that changes among the records name,
 * as they are before the first of them.
 */
export function foldStatus(records: readonly ProjectedRecord[], known: readonly KnownEntity[]): StatusRows {
  const fold = new Fold()
  for (const record of records) foldRecord(fold, record)
  const { audit, ...config } = foldConfig(fold.changes, known)
  return {
    events: [...fold.events.values()],
    unmatched: [...fold.unmatched.values()],
    deliveries: [...fold.deliveries.values()],
    attempts: [...fold.attempts.values()],
    deadLetters: [...fold.deadLetters.values()],
    settlements: [...fold.settlements.values()],
    health: [...fold.health.values()],
    audit: [...fold.audit.values(), ...audit],
    config,
  }
}

function foldRecord(fold: Fold, record: ProjectedRecord): void {
  const { topic, message, partition, offset } = record
  switch (topic) {
    case "events":
    case "events.bulk":
      if (!fold.events.has(message.eventId)) fold.events.set(message.eventId, { event: message, topic, partition, offset })
      break
    case "attempts":
      foldUnmatched(fold, message)
      foldOutcome(fold, message, { partition, offset })
      foldHealth(fold, message, offset)
      foldRequeue(fold, message)
      break
    case "dead-letters":
      foldDeadLetter(fold, message, { partition, offset })
      break
    case "control":
      addDeed(fold, controlDeed(message))
      break
    case "audit":
      addDeed(fold, refusedDeed(message))
      break
    case "config":
      fold.changes.push({ offset, change: message })
  }
}

function foldUnmatched({ unmatched }: Fold, { record }: AttemptRecord): void {
  if (record.case !== "unmatched") return
  const { eventId, acceptedAt } = record.value
  unmatched.set(eventId, { eventId, acceptedAt })
}

function foldHealth({ health }: Fold, { record }: AttemptRecord, offset: number): void {
  if (record.case !== "finished" || record.value.health === undefined || record.value.delivery === undefined) return
  const { subscriptionId, applicationId } = record.value.delivery
  health.set(subscriptionId, { subscriptionId, applicationId, offset, health: record.value.health })
}

function foldRequeue(fold: Fold, { record }: AttemptRecord): void {
  if (record.case === "created") addDeed(fold, createdDeed(record.value))
  if (record.case !== "requeued") return
  addSettlement(fold.settlements, redriven(record.value))
  addDeed(fold, requeueDeed(record.value))
}

function addDeed({ audit }: Fold, deed: AuditRow | undefined): void {
  if (deed !== undefined && !audit.has(deed.identity)) audit.set(deed.identity, deed)
}

function foldDeadLetter(fold: Fold, letter: DeadLetterRecord, { partition, offset }: RecordPosition): void {
  if (letter.content.case === "discarded") return addSettlement(fold.settlements, discarded(letter.content.value, letter.deadAt))
  const identity = identityOf(letter)
  if (!fold.deadLetters.has(identity)) fold.deadLetters.set(identity, { identity, partition, offset, letter })
}

function foldOutcome({ deliveries, attempts }: Fold, message: AttemptRecord, place: RecordPosition): void {
  const { record } = message
  const facts = deliveryIn(message)
  if (facts === undefined || record.case === undefined || record.case === "unmatched") return
  if (record.case === "finished" && record.value.attempt !== undefined) {
    const { attempt, round } = record.value
    const identity = `${facts.deliveryId}/${attempt.number}`
    if (!attempts.has(identity)) attempts.set(identity, { facts, round, attempt })
  }
  const before = deliveries.get(facts.deliveryId)
  const after: DeliveryRow = { facts, sequence: sequenceOf(message), place, ...standingAfter(record) }
  if (before === undefined) deliveries.set(facts.deliveryId, after)
  else deliveries.set(facts.deliveryId, later(before, after))
}

/** What two rows of one delivery come to: where it stands by the higher of them. */
function later(before: DeliveryRow, after: DeliveryRow): DeliveryRow {
  const matched = Math.min(before.matched ?? Infinity, after.matched ?? Infinity)
  const held = after.sequence > before.sequence ? { ...after, lastAttempt: after.lastAttempt ?? before.lastAttempt } : before
  return { ...held, matched: matched === Infinity ? undefined : matched }
}

/** What is said of a delivery. */
type DeliveryRecord = Exclude<AttemptRecord["record"], { readonly case: undefined } | { readonly case: "unmatched" }>

function standingAfter(record: DeliveryRecord): Omit<DeliveryRow, "facts" | "sequence" | "place"> {
  const round = record.case === "created" ? 1 : record.value.round
  const unknown = { nextAttemptAt: undefined, nextAttempt: undefined, finishedAt: undefined, lastAttempt: undefined, matched: undefined }
  const base = { round, reason: "", ...unknown }
  switch (record.case) {
    case "finished": {
      const { state, attempt, nextAttemptAt, nextAttemptReason, retryNumber, reason } = record.value
      const onItsWay = state === DeliveryState.RETRYING || state === DeliveryState.SCHEDULED
      const finishedAt = onItsWay ? undefined : attempt?.finishedAt
      return {
        ...base,
        state,
        attemptCount: attempt?.number ?? 0,
        nextAttemptAt: onItsWay ? nextAttemptAt : undefined,
        nextAttempt: onItsWay ? { reason: nextAttemptReason, retryNumber } : undefined,
        finishedAt,
        reason,
        lastAttempt: attempt,
      }
    }
    case "settled": {
      const { state, attemptCount, settledAt, reason } = record.value
      return { ...base, state, attemptCount, finishedAt: settledAt, reason }
    }
    case "requeued":
      return { ...base, state: DeliveryState.SCHEDULED, attemptCount: record.value.attemptCount, nextAttemptAt: record.value.dueAt }
    case "created": {
      const { firstDueAt, matched, taskId } = record.value
      // The router's own say nothing: whether the first attempt waits for a time is seen by that.
      const nextAttempt = taskId === "" ? undefined : { reason: NextAttemptReason.NEW_ROUND, retryNumber: 0 }
      const due = { nextAttemptAt: firstDueAt, nextAttempt }
      return { ...base, state: DeliveryState.SCHEDULED, attemptCount: 0, ...due, matched: matched || undefined }
    }
  }
}

function identityOf({ content }: DeadLetterRecord): string {
  if (content.case === "delivery") return deadLetterIdentity(content.value.deliveryId, content.value.round)
  if (content.case === "poison") return `poison/${content.value.topic}/${content.value.partition}/${content.value.offset}`
  return ""
}
