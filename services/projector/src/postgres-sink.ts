import { setTimeout as wait } from "node:timers/promises"
import { decodeRecord, limits, type ProjectedRecord } from "@posthorn/core"
import { poisonLetter, type EventLog, type GroupHandler, type LogRecord, type NewRecord, type OwnedPartition } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import type { StatusProjection } from "@posthorn/store"
import type { ProjectorEvents } from "./events.ts"
import { persist } from "./persist.ts"
import { RecordQueue, type Stretch } from "./record-queue.ts"
import { rowsOf } from "./rows-of.ts"

export interface PostgresSinkOptions {
  readonly log: Pick<EventLog, "append" | "ends">
  readonly status: StatusProjection
  readonly clock: Clock
  readonly events: ProjectorEvents
  /** Aborted when the service stops. */
  readonly signal: AbortSignal
}

const BATCH = { recordsMax: limits.PROJECT_RECORDS_MAX, bytesMax: limits.PROJECT_BYTES_MAX }

/**
 * Projects into the status store, exactly once: the store's own positions count, the group's commits only say what need not be read again.
 * One transaction is in flight, the first at once and the next no sooner than `PROJECT_INTERVAL_MS` later; what arrives meanwhile goes together. While the store is away the window of each partition holds its reader back.
 */
export class PostgresSink implements Pick<GroupHandler, "assigned" | "records" | "revoked"> {
  readonly #options: PostgresSinkOptions
  readonly #queue = new RecordQueue()
  #busy = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: PostgresSinkOptions) {
    this.#options = options
  }

  async assigned(partition: OwnedPartition): Promise<number | undefined> {
    const { events, signal } = this.#options
    const position = await persist(async () => (await this.#positions([partition]))[0], {
      signal: AbortSignal.any([partition.signal, signal]),
      failed: (error) => events.positionUnknown(partition, error),
    })
    if (position !== undefined) this.#queue.restart(partition, position)
    return position
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    this.#queue.add(partition, records)
    if (!this.#busy) this.#running = this.#run()
  }

  /** Waits for the batch in flight, so that the next owner finds it done. */
  async revoked(partition: OwnedPartition): Promise<void> {
    this.#queue.close(partition)
    await this.#running
  }

  async #run(): Promise<void> {
    this.#busy = true
    while (this.#queue.records > 0 && !this.#options.signal.aborted) {
      const pace = wait(limits.PROJECT_INTERVAL_MS)
      await this.#project(this.#queue.take(BATCH))
      // A transaction costs as much as the rows of a hundred events: under load they go together.
      if (this.#queue.records < limits.PROJECT_RECORDS_MAX) await pace
    }
    this.#busy = false
  }

  async #project(stretches: readonly Stretch[]): Promise<void> {
    const { clock, events, signal } = this.#options
    const startedMs = clock.monotonicMs()
    const failed = (error: unknown): void => events.batchFailed("postgres", error)
    const { records, letters } = this.#decode(stretches)
    if (letters.length > 0) await persist(() => this.#options.log.append(letters), { signal, failed })
    const outcome = await persist(() => this.#write(stretches, records), { signal, failed })
    if (outcome === "done") {
      for (const { partition, records: done } of stretches) for (const { offset } of done) partition.finish(offset)
      events.batchProjected("postgres", records.length, clock.monotonicMs() - startedMs)
    } else if (outcome === "stale") {
      events.batchStale()
      await this.#reload(stretches)
    }
  }

  /** Records that the views can take, and a dead letter for each that they cannot. */
  #decode(stretches: readonly Stretch[]): { records: ProjectedRecord[]; letters: NewRecord[] } {
    const { clock, events } = this.#options
    const records: ProjectedRecord[] = []
    const letters: NewRecord[] = []
    for (const record of stretches.flatMap((stretch) => stretch.records)) {
      const { topic, partition, offset } = record
      const decoded = decodeRecord(topic, record.value)
      if (!("undecodable" in decoded)) records.push({ ...decoded, partition, offset })
      // A dead letter about a dead letter would be one about itself in the end.
      else if (topic === "dead-letters") events.deadLetterUnreadable(record, decoded.undecodable)
      else {
        letters.push(poisonLetter(record, decoded.undecodable, clock.nowMs()))
        events.poisonFound(record, decoded.undecodable)
      }
    }
    return { records, letters }
  }

  async #write(stretches: readonly Stretch[], records: readonly ProjectedRecord[]): Promise<"done" | "stale"> {
    const { status } = this.#options
    const ranges = stretches.map(({ partition: { topic, partition }, first, next }) => ({ topic, partition, first, next }))
    return status.project({ ranges, rows: await rowsOf(status, records) })
  }

  /** Goes on from where the store is. A partition that is lost by now is somebody else's. */
  async #reload(stretches: readonly Stretch[]): Promise<void> {
    const { events, signal } = this.#options
    const partitions = stretches.map(({ partition }) => partition)
    const positions = await persist(() => this.#positions(partitions), { signal, failed: (error) => events.batchFailed("postgres", error) })
    for (const [index, partition] of partitions.entries()) {
      const position = positions?.[index]
      if (position === undefined || partition.signal.aborted) continue
      this.#queue.restart(partition, position)
      partition.seek(position)
    }
  }

  /** Where the store is; a partition that it has never seen begins where the log does. */
  async #positions(partitions: readonly OwnedPartition[]): Promise<readonly number[]> {
    const { log, status } = this.#options
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const ends = new Map(await Promise.all(topics.map(async (topic) => [topic, await log.ends(topic)] as const)))
    return status.positions(partitions.map(({ topic, partition }) => ({ topic, partition, low: ends.get(topic)?.[partition]?.low ?? 0 })))
  }
}
