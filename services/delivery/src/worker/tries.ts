import { create } from "@bufbuild/protobuf"
import { limits, tryKey } from "@posthorn/core"
import { decode, type LogReader } from "@posthorn/log"
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

/** The first wish of each kind, by its place in `control`. */
interface Wishes {
  readonly run: number
  readonly cancel: number
  readonly reason: string
  readonly untilMs: number
}

/**
 * The tries of one partition: which wait, which are under way, which have ended, and what somebody wants of some. A copy of a try is
 * recognised while it is among the last `FINISHED_TRIES_MAX` that ended, or in the tail of `attempts` that was read when the partition was taken
 * over; a wish is remembered until the copy in the tier has come.
 */
export class Tries {
  readonly #live = new Map<string, "waiting" | "under way">()
  readonly #ended = new Set<string>()
  readonly #before = new Map<string, Ended>()
  readonly #wishes = new Map<string, Wishes>()
  /** To be called when a try that is under way has ended or was put off. */
  readonly #after = new Map<string, (() => void)[]>()

  /** How many tries earlier owners had ended. */
  get known(): number {
    return this.#before.size
  }

  /** Notes that an owner before had ended a try. */
  endedBefore(key: string, ended: Ended): void {
    this.#before.set(key, ended)
  }

  /** Notes a wish of that offset in `control`; it is forgotten some time after the copy in the tier was due. */
  wish(key: string, wish: Wish, { offset, copyDueAtMs }: { readonly offset: number; readonly copyDueAtMs: number }): void {
    const known = this.#wishes.get(key) ?? NO_WISHES
    const untilMs = Math.max(known.untilMs, copyDueAtMs + WISH_KEPT_MS)
    if (wish.kind === "run") this.#wishes.set(key, { ...known, untilMs, run: Math.min(known.run, offset) })
    else if (offset < known.cancel) this.#wishes.set(key, { ...known, untilMs, cancel: offset, reason: wish.reason })
  }

  forgetWishes(nowMs: number): void {
    for (const [key, { untilMs }] of this.#wishes) if (untilMs < nowMs) this.#wishes.delete(key)
  }

  begin(due: DeliveryDue): Known {
    const key = tryKey(due)
    const live = this.#live.get(key)
    if (this.#ended.has(key) || live === "under way" || (live === "waiting" && !due.hastened)) return COPY
    // What follows from the one that was made instead is ensured by its own record.
    if (this.isSuperseded(due)) return COPY
    if (this.#before.has(key)) {
      this.#live.set(key, "under way")
      return { kind: "ended", ended: this.#before.get(key) }
    }
    const reason = this.cancelReason(due)
    this.#live.set(key, reason === undefined ? "waiting" : "under way")
    return reason === undefined ? NEW : { kind: "cancelled", reason }
  }

  /** Says that a try that waited is made now. False: another copy of it is, or was. */
  start(due: DeliveryDue): boolean {
    const key = tryKey(due)
    if (this.#live.get(key) !== "waiting") return false
    this.#live.set(key, "under way")
    return true
  }

  /** Says that a try is settled now, wherever its record is. False: it is under way, or has ended. */
  claim(key: string): boolean {
    if (this.isCarriedOut(key)) return false
    this.#live.set(key, "under way")
    return true
  }

  end(key: string): void {
    this.#before.delete(key)
    this.#ended.add(key)
    this.#leave(key)
    if (this.#ended.size <= limits.FINISHED_TRIES_MAX) return
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest)
      break
    }
  }

  /** The try was put off: the same one comes again. */
  putOff(key: string): void {
    this.#leave(key)
  }

  isUnderWay(key: string): boolean {
    return this.#live.get(key) === "under way"
  }

  /** Calls back once when a try that is under way is so no more. */
  after(key: string, call: () => void): void {
    this.#after.set(key, [...(this.#after.get(key) ?? []), call])
  }

  /** Whether a try is under way or has ended, as far as is known. */
  isCarriedOut(key: string): boolean {
    return this.isUnderWay(key) || this.#ended.has(key) || this.#before.has(key)
  }

  /** Whether somebody wanted this try to be made earlier, so that this is but the copy from the tier. */
  isSuperseded(due: DeliveryDue): boolean {
    const { run, cancel } = this.#wishes.get(tryKey(due)) ?? NO_WISHES
    return !due.hastened && run < cancel
  }

  /** The reason for which somebody wants this try not to be made. */
  cancelReason(due: DeliveryDue): string | undefined {
    const { cancel, reason } = this.#wishes.get(tryKey(due)) ?? NO_WISHES
    return cancel === NEVER ? undefined : reason
  }

  #leave(key: string): void {
    this.#live.delete(key)
    const calls = this.#after.get(key)
    this.#after.delete(key)
    for (const call of calls ?? []) call()
  }
}

const NEVER = Number.POSITIVE_INFINITY
const NO_WISHES: Wishes = { run: NEVER, cancel: NEVER, reason: "", untilMs: 0 }
const NEW: Known = { kind: "new" }
const COPY: Known = { kind: "copy" }

export interface TakeOver {
  readonly log: LogReader
  readonly tries: Tries
  /** Of `attempts`: the number of the partition that is taken over. */
  readonly partition: number
  /** Unix milliseconds at which the oldest record was appended that copies of its tries may still come from. */
  readonly copiesSinceMs: number
}

/**
 * Reads from the tail of `attempts` which tries of a partition ended under its owners before: everything since `COPIES_LATE_MS` before
 * the oldest record that copies come from. `attempts` has the same partitions, so it is the partition of the same number.
 */
export async function readTries({ log, tries, partition, copiesSinceMs }: TakeOver): Promise<void> {
  const to = (await log.ends("attempts"))[partition]?.high ?? 0
  const from = await log.offsetAt("attempts", partition, copiesSinceMs - COPIES_LATE_MS)
  if (from >= to) return
  await log.read([{ topic: "attempts", partition, from, to }], (records) => {
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
): string => tryKey({ deliveryId: record.delivery?.deliveryId ?? "", round: record.round, attempt })

/** Only what something follows from is kept, and of it only what that needs. */
function followed(finished: AttemptFinished): AttemptFinished | undefined {
  if (finished.state !== DeliveryState.RETRYING && finished.state !== DeliveryState.DEAD) return undefined
  const { attempt, ...rest } = finished
  if (attempt === undefined) return undefined
  const { request: _request, response: _response, ...facts } = attempt
  return create(AttemptFinishedSchema, { ...rest, attempt: facts })
}
