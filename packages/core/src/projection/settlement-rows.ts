import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { DeadLetterState, type DeadLetterDiscarded, type DeliveryRequeued } from "@posthorn/proto"

/**
 * What became of a dead letter, whether or not the letter itself has been read: its record is in another topic and may come later.
 * One a letter: the first that redrives it counts, and only without one the first that discards it.
 */
export interface SettlementRow {
  /** Of the dead letter; see `deadLetterIdentity`. */
  readonly identity: string
  readonly state: typeof DeadLetterState.REDRIVEN | typeof DeadLetterState.DISCARDED
  readonly settledAt: Timestamp | undefined
  readonly actorId: string
  /** Why it was discarded. */
  readonly reason: string
  /** Empty = somebody did it to this one. */
  readonly taskId: string
}

/** The same for every copy of a dead letter: a round of a delivery dies once. */
export const deadLetterIdentity = (deliveryId: string, round: number): string => `${deliveryId}/${round}`

/** A delivery that begins a new round leaves the dead letter of the round before behind, if that one died. */
export function redriven({ delivery, round, requeuedAt, taskId, actor }: DeliveryRequeued): SettlementRow {
  const identity = deadLetterIdentity(delivery?.deliveryId ?? "", round - 1)
  return { identity, state: DeadLetterState.REDRIVEN, settledAt: requeuedAt, actorId: actor?.id ?? "", reason: "", taskId }
}

export function discarded(
  { delivery, round, reason, taskId, actor }: DeadLetterDiscarded,
  settledAt: Timestamp | undefined,
): SettlementRow {
  const identity = deadLetterIdentity(delivery?.deliveryId ?? "", round)
  return { identity, state: DeadLetterState.DISCARDED, settledAt, actorId: actor?.id ?? "", reason, taskId }
}

/** Adds a settlement to those by identity, where it counts. */
export function addSettlement(settlements: Map<string, SettlementRow>, row: SettlementRow): void {
  const held = settlements.get(row.identity)
  const outdone = held?.state === DeadLetterState.DISCARDED && row.state === DeadLetterState.REDRIVEN
  if (held === undefined || outdone) settlements.set(row.identity, row)
}
