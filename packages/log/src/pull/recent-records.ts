import { limits, type Topic } from "@posthorn/core"
import { recordBytes } from "../append-batcher.ts"
import type { LogRecord } from "../event-log.ts"
import type { FetchRequest } from "./record-source.ts"

interface Tail {
  /** Without a gap, in order of offset. */
  records: LogRecord[]
  bytes: number
}

/**
 * The last records that this process appended, for its own readers, who mostly want just these: what is here need not be asked for again.
 * Each partition's records are without a gap: where somebody else appended between two of ours, only the later ones stay.
 */
export class RecentRecords {
  readonly #tails = new Map<string, Tail>()

  /** Takes in what the log has acknowledged; of one partition in order. */
  add(records: readonly LogRecord[]): void {
    for (const record of records) {
      const name = nameOf(record)
      let tail = this.#tails.get(name)
      if (tail === undefined || record.offset !== (tail.records.at(-1)?.offset ?? -1) + 1) {
        tail = { records: [], bytes: 0 }
        this.#tails.set(name, tail)
      }
      tail.records.push(record)
      tail.bytes += recordBytes(record)
      if (tail.records.length > 2 * limits.RECENT_RECORDS_MAX || tail.bytes > 2 * limits.RECENT_BYTES_MAX) shorten(tail)
    }
  }

  /** What the request asks for, from here alone; `undefined` when its first record is not here. */
  read({ topic, partition, from, records, bytes }: FetchRequest): readonly LogRecord[] | undefined {
    const tail = this.#tails.get(nameOf({ topic, partition }))
    const first = tail?.records[0]
    if (tail === undefined || first === undefined || from < first.offset) return undefined
    const start = from - first.offset
    if (start >= tail.records.length) return undefined
    let end = start
    for (let sum = 0; end < tail.records.length && end - start < records && sum < bytes; end++) {
      const record = tail.records[end]
      sum += record === undefined ? 0 : recordBytes(record)
    }
    return tail.records.slice(start, end)
  }

  /** Forgets a partition: the log has let go of some of it. */
  forget(topic: Topic, partition: number): void {
    this.#tails.delete(nameOf({ topic, partition }))
  }

  clear(): void {
    this.#tails.clear()
  }
}

const nameOf = ({ topic, partition }: { readonly topic: Topic; readonly partition: number }): string => `${topic}/${partition}`

/** Drops the oldest half, so that dropping is rare. */
function shorten(tail: Tail): void {
  tail.records = tail.records.slice(tail.records.length >> 1)
  tail.bytes = tail.records.reduce((sum, record) => sum + recordBytes(record), 0)
}
