import { decideCancelledAsWanted, REASONS, tryKey } from "@posthorn/core"
import { poisonLetter, type AppendClass, type LogRecord, type NewRecord, type OwnedPartition } from "@posthorn/log"
import type { CancelTry, DeliveryDue, DeliverySettled } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import type { DeliveryEvents } from "../events.ts"
import { endRecord, followUp } from "./follow-up.ts"
import type { OperationalEvents } from "./operational-events.ts"
import type { PartitionState } from "./partition-state.ts"
import type { SureAppender } from "../sure-appender.ts"
import { keyOf, type Ended } from "./tries.ts"

/** A record of one try, and what is known in its partition. */
export interface Job {
  readonly partition: OwnedPartition
  readonly offset: number
  readonly due: DeliveryDue
  readonly state: PartitionState
}

/** What the end of a try leaves in the log. */
export interface Ending {
  /** That it ended; with its dead letter, if it has one. */
  readonly end: readonly NewRecord[]
  /** What is tried next, and what is told. */
  readonly follow: readonly NewRecord[]
}

export interface OutcomesOptions {
  readonly appender: SureAppender
  readonly clock: Clock
  readonly events: DeliveryEvents
  readonly operational: OperationalEvents
}

/** The lower class keeps to itself, from the topic on. */
export const classOf = ({ topic }: OwnedPartition): AppendClass => (topic === "deliveries.bulk" ? "bulk" : "live")

/** Writes what tries came to, and counts their records as done once the log has acknowledged it. */
export class Outcomes {
  readonly #options: OutcomesOptions
  /** Appends under way, and when the last of them was acknowledged or the first of them began. */
  #appending = 0
  #acknowledgedAtMs = 0

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  /** For how long the log has acknowledged nothing that it was given; 0 = it was given nothing. */
  silentMs(nowMs: number): number {
    return this.#appending > 0 ? nowMs - this.#acknowledgedAtMs : 0
  }

  /**
   * Appends how a try ended, then what follows from it, then counts it as done. In that order: an end without what follows is made good by the next
   * owner, and what followed from an end that nobody knows of would be on its way beside the same try made again.
   */
  async append({ partition, offset, due, state }: Job, { end, follow }: Ending): Promise<void> {
    const appendClass = classOf(partition)
    for (const records of [end, follow])
      if (records.length > 0) await this.#acknowledged(this.#options.appender.append(records, partition.signal, appendClass))
    state.tries.end(tryKey(due))
    partition.finish(offset)
  }

  async settle(job: Job, settled: DeliverySettled): Promise<void> {
    const { due } = job
    const { letter, after } = followUp(due, settled, this.#options.operational)
    await this.append(job, { end: [endRecord(settled), ...letter], follow: after })
    this.#options.events.deliveryEnded({ deliveryId: due.deliveryId, subscriptionId: due.subscriptionId, reason: settled.reason })
  }

  /** An owner before has ended this try: only what follows may be missing, and twice is recognised. */
  async follow(job: Job, ended: Ended): Promise<void> {
    const { due, state } = job
    const next = tryKey({ ...due, attempt: due.attempt + 1 })
    // A copy that comes late must not begin again what has gone on since.
    const { letter, after } = followUp(due, ended, this.#options.operational)
    await this.append(job, { end: letter, follow: state.tries.isCarriedOut(next) ? [] : after })
  }

  /** The same try comes again, from where it is put. */
  async putOff({ partition, offset, due, state }: Job, record: NewRecord): Promise<void> {
    // Before the append: the copy may come back sooner than the acknowledgement.
    state.tries.putOff(tryKey(due))
    await this.#options.appender.append([record], partition.signal, classOf(partition))
    partition.finish(offset)
  }

  /** Ends a try that waits, as somebody wants it; its own record is recognised when it comes. */
  async cancel({ partition, offset, state }: Omit<Job, "due">, cancel: CancelTry): Promise<void> {
    const key = keyOf(cancel, cancel.attempt)
    if (state.tries.claim(key)) {
      const settled = decideCancelledAsWanted(cancel, this.#options.clock.nowMs())
      await this.#options.appender.append([endRecord(settled)], partition.signal)
      state.tries.end(key)
      const { deliveryId = "", subscriptionId = "" } = cancel.delivery ?? {}
      this.#options.events.deliveryEnded({ deliveryId, subscriptionId, reason: REASONS.cancelled })
    }
    partition.finish(offset)
  }

  async bury(partition: OwnedPartition, record: LogRecord, what: string): Promise<void> {
    await this.#options.appender.append([poisonLetter(record, what, this.#options.clock.nowMs())], partition.signal)
    this.#options.events.poisonFound(record)
    partition.finish(record.offset)
  }

  async #acknowledged(append: Promise<void>): Promise<void> {
    const { clock } = this.#options
    if (this.#appending++ === 0) this.#acknowledgedAtMs = clock.nowMs()
    try {
      await append
      this.#acknowledgedAtMs = clock.nowMs()
    } finally {
      this.#appending--
    }
  }
}
