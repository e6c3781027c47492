import { DeliveryState } from "@posthorn/proto"
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
import { sequenceOf } from "../delivery/evolve.ts"
import { controlDeed, refusedDeed, requeueDeed, type AuditRow } from "./audit-row.ts"
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
  readonly finishedAt: Timestamp | undefined
  readonly reason: string
  /** The last attempt that ended, when these records hold it: what is known of an earlier one stays otherwise. */
  readonly lastAttempt: Attempt | undefined
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
      foldOutcome(fold, message)
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

function foldHealth({ health }: Fold, { record }: AttemptRecord, offset: number): void {
  if (record.case !== "finished" || record.value.health === undefined || record.value.delivery === undefined) return
  const { subscriptionId, applicationId } = record.value.delivery
  health.set(subscriptionId, { subscriptionId, applicationId, offset, health: record.value.health })
}

function foldRequeue(fold: Fold, { record }: AttemptRecord): void {
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

function foldOutcome({ deliveries, attempts }: Fold, message: AttemptRecord): void {
  const { record } = message
  const facts = record.value?.delivery
  if (facts === undefined) return
  if (record.case === "finished" && record.value.attempt !== undefined) {
    const { attempt, round } = record.value
    const identity = `${facts.deliveryId}/${attempt.number}`
    if (!attempts.has(identity)) attempts.set(identity, { facts, round, attempt })
  }
  const before = deliveries.get(facts.deliveryId)
  const after = standingAfter(message, facts)
  if (before === undefined) deliveries.set(facts.deliveryId, after)
  else if (after.sequence > before.sequence)
    deliveries.set(facts.deliveryId, { ...after, lastAttempt: after.lastAttempt ?? before.lastAttempt })
}

function standingAfter(message: AttemptRecord, facts: DeliveryFacts): DeliveryRow {
  const { record } = message
  const round = record.case === "created" ? 1 : (record.value?.round ?? 1)
  const unknown = { nextAttemptAt: undefined, finishedAt: undefined, reason: "", lastAttempt: undefined }
  const base = { facts, round, sequence: sequenceOf(message), ...unknown }
  switch (record.case) {
    case "finished": {
      const { state, attempt, nextAttemptAt, reason } = record.value
      const onItsWay = state === DeliveryState.RETRYING || state === DeliveryState.SCHEDULED
      const finishedAt = onItsWay ? undefined : attempt?.finishedAt
      return {
        ...base,
        state,
        attemptCount: attempt?.number ?? 0,
        nextAttemptAt: onItsWay ? nextAttemptAt : undefined,
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
    default:
      return { ...base, state: DeliveryState.SCHEDULED, attemptCount: 0, nextAttemptAt: record.value?.firstDueAt }
  }
}

function identityOf({ content }: DeadLetterRecord): string {
  if (content.case === "delivery") return deadLetterIdentity(content.value.deliveryId, content.value.round)
  if (content.case === "poison") return `poison/${content.value.topic}/${content.value.partition}/${content.value.offset}`
  return ""
}
