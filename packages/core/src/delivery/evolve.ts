import { timestampMs } from "@bufbuild/protobuf/wkt"
import { DeliveryState, type AttemptRecord } from "@posthorn/proto"

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
}

export const START: Standing = { state: DeliveryState.UNSPECIFIED, round: 0, attemptCount: 0, nextAttemptAtMs: undefined, reason: "" }

/** Orders the records of one delivery: a later one wins, whatever order they are read in. */
export function sequenceOf(record: AttemptRecord): number {
  switch (record.record.case) {
    case "created":
      return 0
    case "finished":
      return step(record.record.value.round, record.record.value.attempt?.number ?? 0, 0)
    case "settled":
      return step(record.record.value.round, record.record.value.attemptCount, 1)
    case "requeued":
      // Before the first attempt of its round, and before a settlement of it without one.
      return step(record.record.value.round, record.record.value.attemptCount, 0)
    case undefined:
      return -1
  }
}

/** Rounds, then attempts, then a settlement after its attempts: all well below 2^53. */
const step = (round: number, attempt: number, settled: 0 | 1): number => round * 2 ** 32 + attempt * 2 + settled

/** The standing after a record; one that is older than what is known changes nothing. */
export function evolve(standing: Standing, record: AttemptRecord): Standing {
  if (sequenceOf(record) <= standingSequence(standing)) return standing
  switch (record.record.case) {
    case "created": {
      const at = record.record.value.firstDueAt
      return { state: DeliveryState.SCHEDULED, round: 1, attemptCount: 0, nextAttemptAtMs: at ? timestampMs(at) : undefined, reason: "" }
    }
    case "finished": {
      const { state, round, attempt, nextAttemptAt, reason } = record.record.value
      return {
        state,
        round,
        attemptCount: attempt?.number ?? 0,
        nextAttemptAtMs: nextAttemptAt ? timestampMs(nextAttemptAt) : undefined,
        reason,
      }
    }
    case "settled": {
      const { state, round, attemptCount, reason } = record.record.value
      return { state, round, attemptCount, nextAttemptAtMs: undefined, reason }
    }
    case "requeued": {
      const { round, attemptCount, dueAt } = record.record.value
      return { state: DeliveryState.SCHEDULED, round, attemptCount, nextAttemptAtMs: dueAt ? timestampMs(dueAt) : undefined, reason: "" }
    }
    case undefined:
      return standing
  }
}

function standingSequence({ state, round, attemptCount }: Standing): number {
  if (state === DeliveryState.UNSPECIFIED) return -1
  if (state === DeliveryState.SCHEDULED && round === 1) return 0
  return step(round, attemptCount, state === DeliveryState.CANCELLED ? 1 : 0)
}
