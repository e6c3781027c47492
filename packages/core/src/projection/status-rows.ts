import { DeliveryState } from "@posthorn/proto"
import type { Attempt, AttemptRecord, ConfigChanged, DeadLetterRecord, DeliveryFacts, EventAccepted } from "@posthorn/proto"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { sequenceOf } from "../delivery/evolve.ts"
import { foldConfig, type ConfigRows, type KnownEntity } from "./config-rows.ts"
import type { ProjectedRecord } from "./decode-record.ts"

/** Where a delivery stands after the latest of some records of it. A row with a higher `sequence` takes the place of one with a lower. */
export interface DeliveryRow {
  readonly facts: DeliveryFacts
  readonly sequence: number
  readonly state: DeliveryState
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

/** What a stretch of the log makes of the status views: at most one row an identity, so that each table needs one statement. */
export interface StatusRows {
  readonly events: readonly EventAccepted[]
  readonly deliveries: readonly DeliveryRow[]
  readonly attempts: readonly AttemptStatusRow[]
  readonly deadLetters: readonly DeadLetterRow[]
  readonly config: ConfigRows
}

/**
 * Folds records into rows. Records of one partition come in order of offset; nothing depends on the order between partitions, on where
 * the log is cut into stretches, or on a stretch being folded again. `known` are the entities that changes among the records name,
 * as they are before the first of them.
 */
export function foldStatus(records: readonly ProjectedRecord[], known: readonly KnownEntity[]): StatusRows {
  const events = new Map<string, EventAccepted>()
  const deliveries = new Map<string, DeliveryRow>()
  const attempts = new Map<string, AttemptStatusRow>()
  const deadLetters = new Map<string, DeadLetterRow>()
  const changes: { offset: number; change: ConfigChanged }[] = []
  for (const record of records) {
    switch (record.topic) {
      case "events":
        if (!events.has(record.message.eventId)) events.set(record.message.eventId, record.message)
        break
      case "attempts":
        foldOutcome(record.message, deliveries, attempts)
        break
      case "dead-letters": {
        const { message: letter, partition, offset } = record
        const identity = identityOf(letter)
        if (!deadLetters.has(identity)) deadLetters.set(identity, { identity, partition, offset, letter })
        break
      }
      case "config":
        changes.push({ offset: record.offset, change: record.message })
    }
  }
  return {
    events: [...events.values()],
    deliveries: [...deliveries.values()],
    attempts: [...attempts.values()],
    deadLetters: [...deadLetters.values()],
    config: foldConfig(changes, known),
  }
}

function foldOutcome(message: AttemptRecord, deliveries: Map<string, DeliveryRow>, attempts: Map<string, AttemptStatusRow>): void {
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
  const base = { facts, sequence: sequenceOf(message), nextAttemptAt: undefined, finishedAt: undefined, reason: "", lastAttempt: undefined }
  const { record } = message
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
    default:
      return { ...base, state: DeliveryState.SCHEDULED, attemptCount: 0, nextAttemptAt: record.value?.firstDueAt }
  }
}

function identityOf({ content }: DeadLetterRecord): string {
  if (content.case === "delivery") return `${content.value.deliveryId}/${content.value.round}`
  if (content.case === "poison") return `poison/${content.value.topic}/${content.value.partition}/${content.value.offset}`
  return ""
}
