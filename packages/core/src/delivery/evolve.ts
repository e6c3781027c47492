import { timestampMs } from "@bufbuild/protobuf/wkt"
import { DeliveryState, type AttemptRecord, type DeliveryFacts } from "@posthorn/proto"

/**
 * Where a delivery stands.
 *
 * `scheduled` → `retrying` ⟲ → `delivered` | `dead`; `cancelled` from `scheduled` and `retrying`.
 * A later round (replay, redrive) starts again from `scheduled` and goes on counting attempts.
 */
export interface Standing {
  readonly state: DeliveryState
  readonly round: number
  readonly attemptCount: number
  readonly nextAttemptAtMs: number | undefined
  readonly reason: string
  /** Of the record that it comes from. */
  readonly sequence: number
}

export const START: Standing = {
  state: DeliveryState.UNSPECIFIED,
  round: 0,
  attemptCount: 0,
  nextAttemptAtMs: undefined,
  reason: "",
  sequence: -1,
}

/** The delivery that a record is about; `undefined` = it is about an event that has none. */
export const deliveryIn = ({ record }: AttemptRecord): DeliveryFacts | undefined =>
  record.case === "unmatched" ? undefined : record.value?.delivery

/**
 * Orders the records of one delivery: a later one wins, whatever order they are read in. An attempt that was made twice, because its owner had lost
 * its partition and did not know it, may have ended in two ways: that it was delivered counts most, that it will be tried again least. The same
 * goes for one that was made and settled.
 */
export function sequenceOf(record: AttemptRecord): number {
  switch (record.record.case) {
    case "created":
      return 0
    case "finished": {
      const { round, attempt, state } = record.record.value
      return step(round, attempt?.number ?? 0, state === DeliveryState.DELIVERED ? 3 : state === DeliveryState.RETRYING ? 0 : 2)
    }
    case "settled":
      // Of the attempt that was not made: an owner who did not know it may have made it, and will not try again.
      return step(record.record.value.round, record.record.value.attemptCount + 1, 1)
    case "requeued":
      // Before the first attempt of its round, and before a settlement of it without one.
      return step(record.record.value.round, record.record.value.attemptCount, 0)
    case "unmatched":
    case undefined:
      return -1
  }
}

/** Rounds, then attempts, then how an attempt ended, with a settlement before one that was final: all well below 2^53. */
const step = (round: number, attempt: number, rank: 0 | 1 | 2 | 3): number => round * 2 ** 32 + attempt * 4 + rank

/** The standing after a record; one that is older than what is known changes nothing. */
export function evolve(standing: Standing, record: AttemptRecord): Standing {
  const sequence = sequenceOf(record)
  if (sequence <= standing.sequence) return standing
  switch (record.record.case) {
    case "created":
    case "requeued": {
      const at = record.record.case === "created" ? record.record.value.firstDueAt : record.record.value.dueAt
      const { round, attemptCount } = record.record.case === "created" ? { round: 1, attemptCount: 0 } : record.record.value
      const nextAttemptAtMs = at ? timestampMs(at) : undefined
      return { state: DeliveryState.SCHEDULED, round, attemptCount, nextAttemptAtMs, reason: "", sequence }
    }
    case "finished": {
      const { state, round, attempt, nextAttemptAt, reason } = record.record.value
      const nextAttemptAtMs = nextAttemptAt ? timestampMs(nextAttemptAt) : undefined
      return { state, round, attemptCount: attempt?.number ?? 0, nextAttemptAtMs, reason, sequence }
    }
    case "settled": {
      const { state, round, attemptCount, reason } = record.record.value
      return { state, round, attemptCount, nextAttemptAtMs: undefined, reason, sequence }
    }
    case "unmatched":
    case undefined:
      return standing
  }
}
