import { create } from "@bufbuild/protobuf"
import { limits, tryKey } from "@posthorn/core"
import type { LogReader, OwnedPartition } from "@posthorn/log"
import { decode } from "@posthorn/log"
import {
  AttemptFinishedSchema,
  AttemptRecordSchema,
  DeliveryState,
  type AttemptFinished,
  type DeliveryDue,
  type DeliverySettled,
} from "@posthorn/proto"

/** Clocks of brokers differ by this much. */
const CLOCKS_APART_MS = 5000
/**
 * How long after a try was made a copy of it may still come: from an owner of a stage before who lost its partition, and did not know it
 * until its session was over, with an append under way.
 */
const COPIES_LATE_MS = limits.SESSION_TIMEOUT_MS + limits.APPEND_TIMEOUT_MS + CLOCKS_APART_MS

/** How long after it was due the copy in a retry tier may still come: it may have been put off, or its tier may have stood still. */
const WISH_KEPT_MS = 24 * 60 * 60 * 1000

/** What an owner before wrote about the end of a try; `undefined` when nothing follows from it. */
export type Ended = AttemptFinished | DeliverySettled | undefined

/** What is known of a try before it is made. */
export type Known =
  | { readonly kind: "new" }
  /** It is being made, or was: nothing is left to do. */
  | { readonly kind: "copy" }
  /** It was made, or settled, by an owner who may not have carried out what follows. */
  | { readonly kind: "ended"; readonly ended: Ended }
  /** Somebody wants it not to be made. */
  | { readonly kind: "cancelled"; readonly reason: string }

/** What somebody wants of a try that waits in a retry tier. */
export type Wish = { readonly kind: "cancel"; readonly reason: string } | { readonly kind: "run" }

/**
 * The tries of one partition: which wait, which are under way, which have ended, and what somebody wants of some. A copy of a try is
 * recognised while it is among the last `FINISHED_TRIES_MAX` that ended, or in the tail of `attempts` that was read when the partition was taken
 * over; a wish is remembered until the copy in the tier has come.
 */
export class Tries {
  readonly #live = new Map<string, "waiting" | "under way">()
  readonly #ended = new Set<string>()
  readonly #before = new Map<string, Ended>()
  readonly #wishes = new Map<string, { readonly wish: Wish; readonly untilMs: number }>()

  /** How many tries earlier owners had ended. */
  get known(): number {
    return this.#before.size
  }

  /** Notes that an owner before had ended a try. */
  endedBefore(key: string, ended: Ended): void {
    this.#before.set(key, ended)
  }

  /** Notes a wish; it is forgotten some time after the copy in the tier was due. */
  wish(key: string, wish: Wish, copyDueAtMs: number): void {
    this.#wishes.set(key, { wish, untilMs: copyDueAtMs + WISH_KEPT_MS })
  }

  forgetWishes(nowMs: number): void {
    for (const [key, { untilMs }] of this.#wishes) if (untilMs < nowMs) this.#wishes.delete(key)
  }

  begin(due: DeliveryDue): Known {
    const key = tryKey(due)
    const live = this.#live.get(key)
    if (this.#ended.has(key) || live === "under way" || (live === "waiting" && !due.hastened)) return COPY
    if (this.#before.has(key)) {
      this.#live.set(key, "under way")
      return { kind: "ended", ended: this.#before.get(key) }
    }
    if (this.isSuperseded(due)) return COPY
    const wish = this.#wishes.get(key)?.wish
    this.#live.set(key, wish?.kind === "cancel" ? "under way" : "waiting")
    return wish?.kind === "cancel" ? { kind: "cancelled", reason: wish.reason } : NEW
  }

  /** Says that a try that waited is made now. False: another copy of it is, or was. */
  start(due: DeliveryDue): boolean {
    const key = tryKey(due)
    if (this.#live.get(key) !== "waiting") return false
    this.#live.set(key, "under way")
    return true
  }

  end(due: DeliveryDue): void {
    const key = tryKey(due)
    this.#live.delete(key)
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
    this.#live.delete(tryKey(due))
  }

  /** Whether a try is under way or has ended, as far as is known. */
  isCarriedOut(key: string): boolean {
    return this.#live.get(key) === "under way" || this.#ended.has(key) || this.#before.has(key)
  }

  /** Whether somebody wanted this try to be made earlier, so that this is but the copy from the tier. */
  isSuperseded(due: DeliveryDue): boolean {
    return !due.hastened && this.#wishes.get(tryKey(due))?.wish.kind === "run"
  }

  /** The reason for which somebody wants this try not to be made. */
  cancelReason(due: DeliveryDue): string | undefined {
    const wish = this.#wishes.get(tryKey(due))?.wish
    return wish?.kind === "cancel" ? wish.reason : undefined
  }
}

const NEW: Known = { kind: "new" }
const COPY: Known = { kind: "copy" }

export interface TakeOver {
  readonly log: LogReader
  readonly tries: Tries
  readonly partition: OwnedPartition
  readonly committed: number
  readonly nowMs: number
}

/**
 * Reads from the tail of `attempts` which tries of a partition of `deliveries` ended under its owners before: everything since
 * `COPIES_LATE_MS` before the oldest record that is not committed, for copies that are still on their way. `attempts` has the same
 * partitions, so it is the partition of the same number.
 */
export async function readTries({ log, tries, partition, committed, nowMs }: TakeOver): Promise<void> {
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
  if (from >= to) return
  await log.read([{ topic: "attempts", partition: number, from, to }], (records) => {
    for (const { value } of records) {
      const record = decode(AttemptRecordSchema, value)?.record
      if (record?.case === "finished") tries.endedBefore(keyOf(record.value, record.value.attempt?.number ?? 0), followed(record.value))
      if (record?.case === "settled")
        tries.endedBefore(
          keyOf(record.value, record.value.attemptCount + 1),
          record.value.state === DeliveryState.DEAD ? record.value : undefined,
        )
    }
  })
}

/** The key of a try, from what is written about it. */
export const keyOf = (
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
