import { limits, type Topic } from "@posthorn/core"
import type { LogReader, LogRecord } from "@posthorn/log"
import type { Progress } from "./progress.ts"
import { readSome } from "./read-some.ts"
import { retrying } from "./retrying.ts"

/** What a partition still has to give. */
export interface Stretch {
  readonly topic: Topic
  readonly partition: number
  /** First offset to read. */
  readonly from: number
  /** First offset not to read. */
  readonly to: number
}

/** Records of one partition in their order, and what they cover: `next` may be beyond the last of them. */
export interface Batch {
  readonly topic: Topic
  readonly partition: number
  readonly first: number
  readonly next: number
  readonly records: readonly LogRecord[]
}

export interface FillOptions {
  readonly log: LogReader
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Most records of a batch; default `REBUILD_RECORDS_MAX`. */
  readonly recordsMax?: number
  /** Takes a batch in for good. Batches of one partition number come one after the other. */
  readonly take: (batch: Batch) => Promise<void>
}

/** Reads all of these, several partitions at the same time, each a batch ahead of what is being taken. Rejects when it is to stop. */
export async function fillLanes(options: FillOptions, stretches: readonly Stretch[]): Promise<void> {
  options.progress.expect(stretches.reduce((sum, { from, to }) => sum + to - from, 0))
  const waiting = [...Map.groupBy(stretches, ({ partition }) => partition).values()]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      for (const stretch of next) await fillStretch(options, stretch)
  }
  await Promise.all(Array.from({ length: limits.REBUILD_LANES }, lane))
}

async function fillStretch(options: FillOptions, { topic, partition, from, to }: Stretch): Promise<void> {
  const { log, progress, signal, take, recordsMax = limits.REBUILD_RECORDS_MAX } = options
  const bounds = { recordsMax, bytesMax: limits.REBUILD_BYTES_MAX }
  const read = (at: number) => retrying(() => readSome(log, { topic, partition, from: at, to }, bounds), { progress, signal })
  let ahead = read(from)
  for (let first = from; first < to;) {
    const { records, next } = await ahead
    if (next < to) {
      ahead = read(next)
      // It is looked at in its turn; until then nobody else hears of its failure.
      ahead.catch(() => undefined)
    }
    const batch = { topic, partition, first, next, records }
    await retrying(() => take(batch), { progress, signal })
    progress.advance(next - first)
    first = next
  }
}
