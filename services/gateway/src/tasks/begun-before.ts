import { toBinary } from "@bufbuild/protobuf"
import { begunRecord } from "@posthorn/core"
import { decode } from "@posthorn/log"
import { AttemptRecordSchema, DeliveryDueSchema, type DeliveryDue } from "@posthorn/proto"
import type { TaskContext } from "./task-context.ts"

/** Deliveries that a task had begun before it was interrupted, until their events are passed. */
export class BegunBefore {
  readonly #byEvent = new Map<string, Set<string>>()
  #size = 0

  /** How many are not passed. */
  get size(): number {
    return this.#byEvent.size
  }

  /** How many there were. */
  get total(): number {
    return this.#size
  }

  /** False: it is known already. */
  add(eventId: string, deliveryId: string): boolean {
    const known = this.#byEvent.get(eventId) ?? new Set()
    if (known.has(deliveryId)) return false
    this.#byEvent.set(eventId, known.add(deliveryId))
    this.#size++
    return true
  }

  has(eventId: string, deliveryId: string): boolean {
    return this.#byEvent.get(eventId)?.has(deliveryId) === true
  }

  /** The event is dealt with. */
  passed(eventId: string): void {
    this.#byEvent.delete(eventId)
  }
}

/**
 * Finds what a task has begun since some ends of `deliveries.bulk`: at most about `REPLAY_NOTE_DELIVERIES`. Who was interrupted may have appended
 * tries and not said that their rounds have begun, so that is said again: saying it twice is saying it once.
 */
export async function begunSince({ log }: TaskContext, taskId: string, bulkEnds: readonly bigint[]): Promise<BegunBefore> {
  const found = new BegunBefore()
  const words: { topic: "attempts"; key: string; value: Uint8Array }[] = []
  const ranges = (await log.ends("deliveries.bulk")).map(({ partition, high }) => ({
    topic: "deliveries.bulk" as const,
    partition,
    from: Number(bulkEnds[partition] ?? 0n),
    to: high,
  }))
  await log.read(
    ranges.filter(({ from, to }) => from < to),
    (records) => {
      for (const { value } of records) {
        const due = decode(DeliveryDueSchema, value)
        if (due?.taskId !== taskId || !isFirstTry(due) || !found.add(due.event?.eventId ?? "", due.deliveryId)) continue
        words.push({ topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, begunRecord(due, taskId)) })
      }
    },
  )
  if (words.length > 0) await log.append(words, "bulk")
  return found
}

/** As the task appended it: what follows from it has the task's name too. */
const isFirstTry = ({ attempt, roundFirstAttempt, deferrals, event }: DeliveryDue): boolean =>
  attempt === roundFirstAttempt && deferrals === 0 && event !== undefined
