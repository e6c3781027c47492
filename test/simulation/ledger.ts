import type { Topic } from "@posthorn/core"
import { tryKey } from "@posthorn/core"
import { decode, type LogAppender, type NewRecord, type Position } from "@posthorn/log"
import {
  AttemptRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  EventAcceptedSchema,
  type AttemptFinished,
  type AttemptRecord,
  type DeliveryDue,
  type DeliverySettled,
  type EventAccepted,
} from "@posthorn/proto"

interface Noted {
  /** Grows with every record, whatever its topic. */
  readonly sequence: number
}

/** What the log holds of one try. */
export interface TryHistory {
  readonly dues: (Noted & { readonly topic: Topic; readonly due: DeliveryDue })[]
  readonly finished: (Noted & { readonly record: AttemptFinished })[]
  readonly settled: (Noted & { readonly record: DeliverySettled })[]
}

export type Content = { readonly event: EventAccepted } | { readonly due: DeliveryDue } | { readonly poison: true } | undefined

export interface LedgerRecord extends Noted {
  readonly position: Position
  readonly content: Content
}

/** Whatever was appended, by whom ever, as it lies in the log. Nothing here is trimmed. */
export class Ledger {
  readonly events: EventAccepted[] = []
  readonly poisoned: Position[] = []
  /** By delivery, in the order of the log. */
  readonly histories = new Map<string, AttemptRecord[]>()
  readonly #partitions = new Map<string, LedgerRecord[]>()
  readonly #tries = new Map<string, TryHistory>()
  readonly #letters = new Set<string>()
  #sequence = 0

  get sequence(): number {
    return this.#sequence
  }

  /** Appends, and notes what the log took. */
  async append(log: LogAppender, records: readonly NewRecord[]): Promise<readonly Position[]> {
    const positions = await log.append(records)
    records.forEach((record, index) => {
      const position = positions[index]
      if (position) this.#note(record, position)
    })
    return positions
  }

  try(key: string): TryHistory {
    let found = this.#tries.get(key)
    if (found === undefined) this.#tries.set(key, (found = { dues: [], finished: [], settled: [] }))
    return found
  }

  at({ topic, partition, offset }: Position): LedgerRecord | undefined {
    return this.#partitions.get(`${topic}/${partition}`)?.[offset]
  }

  length(topic: Topic, partition: number): number {
    return this.#partitions.get(`${topic}/${partition}`)?.length ?? 0
  }

  /** Whether a delivery is among the dead letters. */
  isDead(deliveryId: string): boolean {
    return this.#letters.has(deliveryId)
  }

  /** Whether a record that nobody can read is among the dead letters. */
  isBuried({ topic, partition, offset }: Position): boolean {
    return this.#letters.has(`${topic}/${partition}/${offset}`)
  }

  #note({ topic, value }: NewRecord, position: Position): void {
    const sequence = ++this.#sequence
    const name = `${topic}/${position.partition}`
    const partition = this.#partitions.get(name) ?? []
    this.#partitions.set(name, partition)
    partition[position.offset] = { sequence, position, content: this.#index(topic, value, sequence) }
    const read = partition[position.offset]?.content
    if (read && "poison" in read) this.poisoned.push(position)
  }

  #index(topic: Topic, value: Uint8Array, sequence: number): Content {
    if (topic === "config" || topic === "parked") return undefined
    if (topic === "events") {
      const event = decode(EventAcceptedSchema, value)
      if (!event?.eventId) return { poison: true }
      this.events.push(event)
      return { event }
    }
    if (topic === "attempts") {
      this.#indexAttempt(decode(AttemptRecordSchema, value), sequence)
      return undefined
    }
    if (topic === "dead-letters") {
      const content = decode(DeadLetterRecordSchema, value)?.content
      if (content?.case === "delivery") this.#letters.add(content.value.deliveryId)
      if (content?.case === "poison") this.#letters.add(`${content.value.topic}/${content.value.partition}/${content.value.offset}`)
      return undefined
    }
    const due = decode(DeliveryDueSchema, value)
    if (!due?.deliveryId) return { poison: true }
    this.try(tryKey(due)).dues.push({ sequence, topic, due })
    return { due }
  }

  #indexAttempt(record: AttemptRecord | undefined, sequence: number): void {
    const deliveryId = record?.record.value?.delivery?.deliveryId
    if (record === undefined || deliveryId === undefined) return
    const history = this.histories.get(deliveryId) ?? []
    this.histories.set(deliveryId, history)
    history.push(record)
    const { record: content } = record
    if (content.case === "finished") {
      const { round, attempt } = content.value
      this.try(`${deliveryId}/${round}/${attempt?.number}`).finished.push({ sequence, record: content.value })
    }
    if (content.case === "settled") {
      const { round, attemptCount } = content.value
      this.try(`${deliveryId}/${round}/${attemptCount + 1}`).settled.push({ sequence, record: content.value })
    }
  }
}
