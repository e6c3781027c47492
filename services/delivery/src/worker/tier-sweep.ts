import { decideCancelled, partitionOf, permissionOf, RETRY_TIERS, tryKey, type RetryTier, type SubscriptionEntity } from "@posthorn/core"
import { decode, type LogGroups, type LogReader, type LogRecord, type NewRecord, type OwnedPartition } from "@posthorn/log"
import { DeliveryDueSchema } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import { endRecord } from "./follow-up.ts"
import type { PartitionStates } from "./partition-states.ts"
import type { SureAppender } from "../sure-appender.ts"

export interface TierSweepOptions {
  readonly log: LogReader & LogGroups
  readonly appender: SureAppender
  readonly clock: Clock
  readonly states: PartitionStates
  readonly find: (subscriptionId: string) => SubscriptionEntity | undefined
  readonly onFailed: (error: unknown) => void
}

/** Longest tier first: what moves meanwhile moves to a shorter one, which is still to be read. */
const TIERS: readonly RetryTier[] = RETRY_TIERS.toReversed()
/** Offsets read at a time. */
const PORTION = 5000
const AGAIN_MS = 1000

/**
 * Settles what waits in the retry tiers for subscriptions that were disabled or deleted, so that it shows as cancelled within seconds and
 * not when it would have been due. The records stay where they are, and are cancelled again when they come. Only for partitions of
 * `deliveries` that are owned here; what is missed meanwhile is cancelled when it is due.
 */
export class TierSweep {
  readonly #options: TierSweepOptions
  readonly #wanted = new Map<number, Set<string>>()
  #running = false

  constructor(options: TierSweepOptions) {
    this.#options = options
  }

  add(subscriptionId: string): void {
    const { log, states } = this.#options
    const number = partitionOf(subscriptionId, log.partitions("deliveries"))
    if (states.member("deliveries", number) === undefined) return
    const wanted = this.#wanted.get(number)
    if (wanted) wanted.add(subscriptionId)
    else this.#wanted.set(number, new Set([subscriptionId]))
    if (this.#running) return
    this.#running = true
    // What is changed together is swept together.
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    for (const [number, wanted] of this.#wanted) {
      this.#wanted.delete(number)
      const partition = this.#options.states.member("deliveries", number)
      if (partition === undefined) continue
      try {
        await this.#sweep(partition, wanted)
      } catch (error) {
        if (partition.signal.aborted) continue
        this.#options.onFailed(error)
        setTimeout(() => wanted.forEach((each) => this.add(each)), AGAIN_MS)
      }
    }
    this.#running = false
  }

  async #sweep(partition: OwnedPartition, wanted: ReadonlySet<string>): Promise<void> {
    const { log, appender } = this.#options
    for (const topic of TIERS) {
      const lag = (await log.lag("retry", [topic])).find((each) => each.partition === partition.partition)
      for (let from = lag?.committed ?? 0; from < (lag?.high ?? 0); from += PORTION) {
        if (partition.signal.aborted) return
        const settled: NewRecord[] = []
        const range = { topic, partition: partition.partition, from, to: Math.min(from + PORTION, lag?.high ?? 0) }
        await log.read([range], (records) => {
          for (const record of records) if (wanted.has(record.key)) settled.push(...this.#settle(partition, record))
        })
        if (settled.length > 0) await appender.append(settled, partition.signal)
      }
    }
  }

  #settle(partition: OwnedPartition, { value }: LogRecord): NewRecord[] {
    const { clock, find, states } = this.#options
    const due = decode(DeliveryDueSchema, value)
    if (due?.event === undefined || states.of(partition)?.tries.isCarriedOut(tryKey(due))) return []
    const permission = permissionOf(due, find(due.subscriptionId))
    return permission.kind === "cancel" ? [endRecord(decideCancelled(due, permission.reason, clock.nowMs()))] : []
  }
}
