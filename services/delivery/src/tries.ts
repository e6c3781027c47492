import { create } from "@bufbuild/protobuf"
import { limits, tryKey } from "@posthorn/core"
import type { LogReader, OwnedPartition } from "@posthorn/log"
import { decode } from "@posthorn/log"
import { AttemptFinishedSchema, AttemptRecordSchema, DeliveryState, type AttemptFinished, type DeliveryDue } from "@posthorn/proto"

/** Clocks of brokers differ by this much. */
const CLOCKS_APART_MS = 5000
/**
 * How long after a try was made a copy of it may still come: from an owner of a stage before who lost its partition, and did not know it
 * until its session was over, with an append under way.
 */
const COPIES_LATE_MS = limits.SESSION_TIMEOUT_MS + limits.APPEND_TIMEOUT_MS + CLOCKS_APART_MS

/** What is known of a try before it is made. */
export type Known =
  | { readonly kind: "new" }
  /** It is being made, or was: nothing is left to do. */
  | { readonly kind: "copy" }
  /** It was made by an owner who may not have carried out what follows. */
  | { readonly kind: "finished"; readonly finished: AttemptFinished | undefined }

/**
 * The tries of one owned partition: which are under way, which have ended. A copy of a try is recognised while it is among the last
 * `FINISHED_TRIES_MAX` that ended, or in the tail of `attempts` that was read when the partition was taken over.
 */
export class Tries {
  readonly #active = new Set<string>()
  readonly #ended = new Set<string>()
  readonly #before: Map<string, AttemptFinished | undefined>

  constructor(before: Map<string, AttemptFinished | undefined>) {
    this.#before = before
  }

  /** How many tries earlier owners had ended. */
  get known(): number {
    return this.#before.size
  }

  begin(due: DeliveryDue): Known {
    const key = tryKey(due)
    if (this.#active.has(key) || this.#ended.has(key)) return { kind: "copy" }
    this.#active.add(key)
    return this.#before.has(key) ? { kind: "finished", finished: this.#before.get(key) } : { kind: "new" }
  }

  end(due: DeliveryDue): void {
    const key = tryKey(due)
    this.#active.delete(key)
    this.#before.delete(key)
    this.#ended.add(key)
    if (this.#ended.size <= limits.FINISHED_TRIES_MAX) return
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest)
      break
    }
  }

  /** The try was put off: the same one comes again. */
  putOff(due: DeliveryDue): void {
    this.#active.delete(tryKey(due))
  }
}

export interface TakeOver {
  readonly log: LogReader
  readonly partition: OwnedPartition
  readonly committed: number
  readonly nowMs: number
}

/**
 * Reads from the tail of `attempts` which tries of a partition of `deliveries` ended under its owners before: everything since
 * `COPIES_LATE_MS` before the oldest record that is not committed, for copies that are still on their way. `attempts` has the same
 * partitions, so it is the partition of the same number.
 */
export async function readTries({ log, partition, committed, nowMs }: TakeOver): Promise<Tries> {
  const before = new Map<string, AttemptFinished | undefined>()
  const { topic, partition: number } = partition
  const high = (await log.ends(topic))[number]?.high ?? 0
  let oldestMs = nowMs
  if (high > committed)
    await log.read(
      [{ topic, partition: number, from: committed, to: committed + 1 }],
      ([record]) => void (oldestMs = Math.min(oldestMs, record?.appendedAtMs ?? nowMs)),
    )
  const to = (await log.ends("attempts"))[number]?.high ?? 0
  const from = await log.offsetAt("attempts", number, oldestMs - COPIES_LATE_MS)
  if (from >= to) return new Tries(before)
  await log.read([{ topic: "attempts", partition: number, from, to }], (records) => {
    for (const { value } of records) {
      const record = decode(AttemptRecordSchema, value)?.record
      if (record?.case === "finished") before.set(keyOf(record.value, record.value.attempt?.number ?? 0), followed(record.value))
      if (record?.case === "settled") before.set(keyOf(record.value, record.value.attemptCount + 1), undefined)
    }
  })
  return new Tries(before)
}

const keyOf = (
  record: { readonly delivery?: { readonly deliveryId: string } | undefined; readonly round: number },
  attempt: number,
): string => `${record.delivery?.deliveryId}/${record.round}/${attempt}`

/** Only what something follows from is kept, and of it only what that needs. */
function followed(finished: AttemptFinished): AttemptFinished | undefined {
  if (finished.state !== DeliveryState.RETRYING && finished.state !== DeliveryState.DEAD) return undefined
  const { attempt, ...rest } = finished
  if (attempt === undefined) return undefined
  const { request: _request, response: _response, ...facts } = attempt
  return create(AttemptFinishedSchema, { ...rest, attempt: facts })
}
