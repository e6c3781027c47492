import type { Topic } from "@posthorn/core"
import { deliveryIn, evolve, START, tryKey, type Standing } from "@posthorn/core"
import { decode, type LogAppender, type NewRecord, type Position } from "@posthorn/log"
import {
  AttemptRecordSchema,
  ControlRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  EventAcceptedSchema,
  ParkedRecordSchema,
  type AttemptFinished,
  type AttemptRecord,
  type BreakerChanged,
  type CancelTry,
  type DeliveryDue,
  type DeliverySettled,
  type EventAccepted,
} from "@posthorn/proto"

export interface Noted {
  /** Grows with every record, whatever its topic. */
  readonly sequence: number
  readonly position: Position
  /** The process that appended it; `undefined` = somebody outside. */
  readonly by: object | undefined
}

export interface NotedDue extends Noted {
  readonly due: DeliveryDue
}

/** What the log holds of one try. */
export interface TryHistory {
  readonly dues: NotedDue[]
  readonly finished: (Noted & { readonly record: AttemptFinished })[]
  readonly settled: (Noted & { readonly record: DeliverySettled })[]
  /** Wishes that it be not made. */
  readonly cancels: Noted[]
}

type Content =
  | { readonly event: EventAccepted }
  | { readonly due: DeliveryDue }
  | { readonly cancel: CancelTry }
  | { readonly poison: true }
  | undefined

export interface LedgerRecord extends Noted {
  readonly content: Content
}

/** Whatever was appended, by whom ever, as it lies in the log. Nothing here is trimmed. */
export class Ledger {
  readonly events: EventAccepted[] = []
  readonly poisoned: Position[] = []
  readonly breakers: BreakerChanged[] = []
  /** Events for which the router found no subscription. */
  readonly unmatched = new Set<string>()
  /** Events of which the router said how many subscriptions take them. */
  readonly matched = new Set<string>()
  /** By delivery, in the order of the log. */
  readonly histories = new Map<string, AttemptRecord[]>()
  readonly standings = new Map<string, Standing>()
  /** Of dead letters: the delivery's last try. */
  readonly letters = new Map<string, DeliveryDue>()
  readonly #buried = new Set<string>()
  readonly #partitions = new Map<string, LedgerRecord[]>()
  readonly #tries = new Map<string, TryHistory>()
  /** By delivery and attempt, the keys of its tries: two rounds have the same number if one of them began late, or was begun twice. */
  readonly #rounds = new Map<string, string[]>()
  /** By delivery and round. */
  readonly #last = new Map<string, NotedDue>()
  #sequence = 0

  get sequence(): number {
    return this.#sequence
  }

  /** Appends, and notes what the log took. */
  async append(log: LogAppender, records: readonly NewRecord[], by?: object): Promise<readonly Position[]> {
    const positions = await log.append(records)
    records.forEach((record, index) => {
      const position = positions[index]
      if (position) this.#note(record, { sequence: ++this.#sequence, position, by })
    })
    return positions
  }

  try(key: string): TryHistory {
    let found = this.#tries.get(key)
    if (found === undefined) this.#tries.set(key, (found = { dues: [], finished: [], settled: [], cancels: [] }))
    return found
  }

  /** The keys of the tries that a request with this attempt's number may make: its round is not in the request. */
  keysOf(deliveryId: string, attempt: number): readonly string[] {
    return this.#rounds.get(`${deliveryId}/${attempt}`) ?? []
  }

  /** The latest record of the latest try of a round. */
  lastOf(deliveryId: string, round: number): NotedDue | undefined {
    return this.#last.get(`${deliveryId}/${round}`)
  }

  /** The records of a partition, named `topic/number`, from an offset to before another. */
  between(name: string, from: number, to: number): readonly LedgerRecord[] {
    return this.#partitions.get(name)?.slice(from, to) ?? []
  }

  length(topic: Topic, partition: number): number {
    return this.#partitions.get(`${topic}/${partition}`)?.length ?? 0
  }

  /** Whether a round of a delivery is among the dead letters. */
  isDead(deliveryId: string, round: number): boolean {
    return this.letters.has(`${deliveryId}/${round}`)
  }

  /** Whether a record that nobody can read is among the dead letters. */
  isBuried({ topic, partition, offset }: Position): boolean {
    return this.#buried.has(`${topic}/${partition}/${offset}`)
  }

  #note({ topic, value }: NewRecord, noted: Noted): void {
    const { position } = noted
    const name = `${topic}/${position.partition}`
    const partition = this.#partitions.get(name) ?? []
    this.#partitions.set(name, partition)
    const content = this.#index(topic, value, noted)
    partition[position.offset] = { ...noted, content }
    if (content && "poison" in content) this.poisoned.push(position)
  }

  #index(topic: Topic, value: Uint8Array, noted: Noted): Content {
    switch (topic) {
      case "config":
        return undefined
      case "events":
      case "events.bulk":
        return this.#indexEvent(decode(EventAcceptedSchema, value))
      case "attempts":
        return this.#indexAttempt(decode(AttemptRecordSchema, value), noted)
      case "dead-letters":
        return this.#indexLetter(value)
      case "parked": {
        const parked = decode(ParkedRecordSchema, value)?.record
        return parked?.case === "released" ? undefined : this.#indexDue(parked?.value, noted)
      }
      case "control":
        return this.#indexControl(value, noted)
      default:
        return this.#indexDue(decode(DeliveryDueSchema, value), noted)
    }
  }

  #indexEvent(event: EventAccepted | undefined): Content {
    if (!event?.eventId) return { poison: true }
    this.events.push(event)
    return { event }
  }

  #indexDue(due: DeliveryDue | undefined, noted: Noted): Content {
    if (!due?.deliveryId) return { poison: true }
    const notedDue = { ...noted, due }
    this.try(tryKey(due)).dues.push(notedDue)
    const name = `${due.deliveryId}/${due.attempt}`
    const keys = this.#rounds.get(name) ?? []
    if (!keys.includes(tryKey(due))) this.#rounds.set(name, [...keys, tryKey(due)])
    const round = `${due.deliveryId}/${due.round}`
    if ((this.#last.get(round)?.due.attempt ?? 0) <= due.attempt) this.#last.set(round, notedDue)
    return { due }
  }

  #indexControl(value: Uint8Array, noted: Noted): Content {
    const control = decode(ControlRecordSchema, value)?.record
    switch (control?.case) {
      case "cancel": {
        const { delivery, round, attempt } = control.value
        this.try(`${delivery?.deliveryId}/${round}/${attempt}`).cancels.push(noted)
        return { cancel: control.value }
      }
      case "run":
        return this.#indexDue(control.value.due, noted)
      case "breaker":
        this.breakers.push(control.value)
        return undefined
      default:
        return { poison: true }
    }
  }

  #indexLetter(value: Uint8Array): undefined {
    const content = decode(DeadLetterRecordSchema, value)?.content
    if (content?.case === "delivery") this.letters.set(`${content.value.deliveryId}/${content.value.round}`, content.value)
    if (content?.case === "poison") this.#buried.add(`${content.value.topic}/${content.value.partition}/${content.value.offset}`)
  }

  #indexAttempt(record: AttemptRecord | undefined, noted: Noted): undefined {
    if (record?.record.case === "unmatched") this.unmatched.add(record.record.value.eventId)
    const deliveryId = record && deliveryIn(record)?.deliveryId
    if (record === undefined || deliveryId === undefined) return
    const history = this.histories.get(deliveryId) ?? []
    this.histories.set(deliveryId, history)
    history.push(record)
    if (record.record.case === "created" && record.record.value.matched > 0) this.matched.add(record.record.value.delivery?.eventId ?? "")
    this.standings.set(deliveryId, evolve(this.standings.get(deliveryId) ?? START, record))
    const { record: content } = record
    if (content.case === "finished") {
      const { round, attempt } = content.value
      this.try(`${deliveryId}/${round}/${attempt?.number}`).finished.push({ ...noted, record: content.value })
    }
    if (content.case === "settled") {
      const { round, attemptCount } = content.value
      this.try(`${deliveryId}/${round}/${attemptCount + 1}`).settled.push({ ...noted, record: content.value })
    }
  }
}
