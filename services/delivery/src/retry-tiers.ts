import { timestampMs } from "@bufbuild/protobuf/wkt"
import { DueQueue, positionOf, RETRY_TIERS, tierFor, wakeAt, type RetryTier } from "@posthorn/core"
import { decode, poisonLetter, type GroupHandler, type LogRecord, type OwnedPartition } from "@posthorn/log"
import { DeliveryDueSchema } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import type { DeliveryEvents } from "./events.ts"
import type { SureAppender } from "./sure-appender.ts"

export interface RetryTiersOptions {
  readonly appender: SureAppender
  readonly clock: Clock
  readonly events: DeliveryEvents
  readonly failed: (error: Error) => void
  /** Whether a round of a subscription's that began at this position of `config` is over: then it need not wait. */
  readonly isOver: (subscriptionId: string, position: bigint) => boolean
}

interface Waiting {
  readonly record: LogRecord
  readonly dueAtMs: number
  readonly bulk: boolean
  /** See `positionOf`. */
  readonly position: bigint
}

/** A timer is set no further than this, so that a clock that jumps is noticed. */
const TIMER_MS_MAX = 60_000

/**
 * Reads the retry tiers: what is due goes back to `deliveries`, what has waited its tier's delay and is not due goes to a tier again.
 * Nothing is moved before its time. One timer for each partition; what waits in memory is bounded by the log's window.
 */
export function createRetryTiers({ appender, clock, events, failed, isOver }: RetryTiersOptions): GroupHandler {
  const partitions = new Map<OwnedPartition, PartitionTimer>()

  /** The bytes go on as they are. */
  async function move(partition: OwnedPartition, { record, dueAtMs, bulk, position }: Waiting): Promise<void> {
    const waitMs = dueAtMs - clock.nowMs()
    const topic = waitMs > 0 && !isOver(record.key, position) ? tierFor(waitMs) : bulk ? "deliveries.bulk" : "deliveries"
    await appender.append([{ topic, key: record.key, value: record.value }], partition.signal, bulk ? "bulk" : "live")
    partition.finish(record.offset)
  }

  async function bury(partition: OwnedPartition, record: LogRecord): Promise<void> {
    await appender.append([poisonLetter(record, "is not a due delivery", clock.nowMs())], partition.signal)
    events.poisonFound(record)
    partition.finish(record.offset)
  }

  const guard = (partition: OwnedPartition, work: Promise<void>): void => {
    work.catch((error: unknown) => void (partition.signal.aborted || failed(error as Error)))
  }

  return {
    records(partition, records) {
      let timer = partitions.get(partition)
      if (timer === undefined) {
        timer = new PartitionTimer(clock, (waiting) => guard(partition, move(partition, waiting)))
        partitions.set(partition, timer)
      }
      const tier = tierOf(partition)
      for (const record of records) {
        const due = decode(DeliveryDueSchema, record.value)
        if (due?.dueAt === undefined) guard(partition, bury(partition, record))
        else {
          const dueAtMs = timestampMs(due.dueAt)
          timer.add(wakeAt(tier, { appendedAtMs: record.appendedAtMs, dueAtMs, readAtMs: clock.nowMs() }), {
            record,
            dueAtMs,
            bulk: due.bulk,
            position: positionOf(due),
          })
        }
      }
      timer.run()
    },
    revoked(partition) {
      partitions.get(partition)?.stop()
      partitions.delete(partition)
      return Promise.resolve()
    },
    failed,
  }
}

function tierOf({ topic }: OwnedPartition): RetryTier {
  const tier = RETRY_TIERS.find((each) => each === topic)
  if (tier === undefined) throw new Error(`${topic} is no retry tier`)
  return tier
}

class PartitionTimer {
  readonly #queue = new DueQueue<Waiting>()
  readonly #clock: Clock
  readonly #fire: (waiting: Waiting) => void
  #timer: NodeJS.Timeout | undefined

  constructor(clock: Clock, fire: (waiting: Waiting) => void) {
    this.#clock = clock
    this.#fire = fire
  }

  add(atMs: number, waiting: Waiting): void {
    this.#queue.add(atMs, waiting)
  }

  run(): void {
    const nowMs = this.#clock.nowMs()
    for (let next = this.#queue.take(nowMs); next !== undefined; next = this.#queue.take(nowMs)) this.#fire(next)
    clearTimeout(this.#timer)
    const { nextAtMs } = this.#queue
    // Rounded up: a timer may fire a fraction of a millisecond early, and nothing is moved early.
    if (nextAtMs !== undefined) this.#timer = setTimeout(() => this.run(), Math.min(Math.ceil(nextAtMs - nowMs), TIMER_MS_MAX))
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
