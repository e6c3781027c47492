import type { AnalyticsBatch, AnalyticsWriter } from "@posthorn/analytics"
import { limits } from "@posthorn/core"
import type { GroupHandler, LogRecord, OwnedPartition } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import { analyticsBatch } from "./analytics-batch.ts"
import type { ProjectorEvents } from "./events.ts"
import { persist } from "./persist.ts"
import { RecordQueue, type Stretch } from "./record-queue.ts"

export interface ClickHouseSinkOptions {
  readonly analytics: AnalyticsWriter
  readonly clock: Clock
  readonly events: ProjectorEvents
  /** Aborted when the service stops. */
  readonly signal: AbortSignal
}

const BATCH = { recordsMax: limits.ANALYTICS_ROWS_MAX, bytesMax: limits.WINDOW_BYTES_MAX }
/** Half a window: a partition of large records must not be held back while others wait for company. */
const BYTES_ENOUGH = limits.WINDOW_BYTES_MAX / 2

/**
 * Takes facts into analytics, effectively once: an insert that may or may not have been made is made again with the same rows under the same token,
 * and rows that a later process inserts again replace themselves. Records of all partitions go together, because inserts cost, not rows.
 */
export class ClickHouseSink implements Pick<GroupHandler, "records" | "revoked"> {
  readonly #options: ClickHouseSinkOptions
  readonly #queue = new RecordQueue()
  #lingering: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(options: ClickHouseSinkOptions) {
    this.#options = options
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    this.#queue.add(partition, records)
    this.#schedule()
  }

  /** Waits for the insert in flight. What waits is left to the next owner. */
  async revoked(partition: OwnedPartition): Promise<void> {
    this.#queue.close(partition)
    await this.#running
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#queue.records === 0 || this.#options.signal.aborted) return
    if (this.#queue.records >= limits.ANALYTICS_ROWS_MAX || this.#queue.bytes >= BYTES_ENOUGH) this.#run()
    else this.#lingering ??= setTimeout(() => this.#run(), limits.ANALYTICS_LINGER_MS)
  }

  #run(): void {
    clearTimeout(this.#lingering)
    this.#lingering = undefined
    if (this.#running !== undefined || this.#queue.records === 0) return
    this.#running = this.#insert(this.#queue.take(BATCH)).finally(() => {
      this.#running = undefined
      this.#schedule()
    })
  }

  async #insert(stretches: readonly Stretch[]): Promise<void> {
    const { analytics, clock, events, signal } = this.#options
    const startedMs = clock.monotonicMs()
    const batch = batchOf(stretches)
    const rows = batch.events.length + batch.attempts.length
    const insert = async () => (rows === 0 ? undefined : await analytics.insert(batch)) ?? "done"
    const outcome = await persist(insert, { signal, failed: (error) => events.batchFailed("clickhouse", error) })
    if (outcome === undefined) return
    for (const { partition, records } of stretches) for (const { offset } of records) partition.finish(offset)
    events.batchProjected("clickhouse", rows, clock.monotonicMs() - startedMs)
  }
}

const batchOf = (stretches: readonly Stretch[]): AnalyticsBatch =>
  analyticsBatch(
    stretches.flatMap(({ records }) => records),
    stretches.map(({ partition, first, next }) => `${partition.topic}/${partition.partition}/${first}-${next - 1}`).join(","),
  )
