import type { LogRecord, OwnedPartition } from "@posthorn/log"

/** Records of a partition in their order, with where they begin and what comes after: both may be beside a hole. */
export interface Stretch {
  readonly partition: OwnedPartition
  readonly first: number
  readonly next: number
  readonly records: readonly LogRecord[]
}

interface Waiting {
  next: number
  records: LogRecord[]
}

/** Records of several partitions that wait to go together. Bounded by the windows of the partitions. */
export class RecordQueue {
  /** In the order of their turns. */
  readonly #partitions = new Map<OwnedPartition, Waiting>()
  #records = 0
  #bytes = 0

  get records(): number {
    return this.#records
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Begins a partition, or begins it again: what waited is forgotten, and the next stretch starts at `next`. */
  restart(partition: OwnedPartition, next: number): void {
    this.close(partition)
    this.#partitions.set(partition, { next, records: [] })
  }

  add(partition: OwnedPartition, records: readonly LogRecord[]): void {
    const [first] = records
    if (first === undefined) return
    let waiting = this.#partitions.get(partition)
    if (waiting === undefined) this.#partitions.set(partition, (waiting = { next: first.offset, records: [] }))
    for (const record of records) waiting.records.push(record)
    this.#records += records.length
    this.#bytes += bytesOf(records)
  }

  /** Forgets a partition. */
  close(partition: OwnedPartition): void {
    this.#count(this.#partitions.get(partition)?.records ?? [])
    this.#partitions.delete(partition)
  }

  /** Takes what goes next: partitions by turns, together at most so many records and, beyond one record, bytes. */
  take({ recordsMax, bytesMax }: { readonly recordsMax: number; readonly bytesMax: number }): Stretch[] {
    const stretches: Stretch[] = []
    let [recordsLeft, bytesLeft] = [recordsMax, bytesMax]
    // A copy: what has had its turn goes to the end meanwhile.
    for (const [partition, waiting] of Array.from(this.#partitions)) {
      if (recordsLeft === 0 || bytesLeft <= 0) break
      let count = 0
      for (; count < waiting.records.length && count < recordsLeft && bytesLeft > 0; count++)
        bytesLeft -= waiting.records[count]?.value.length ?? 0
      const records = waiting.records.splice(0, count)
      const last = records.at(-1)
      if (last === undefined) continue
      stretches.push({ partition, first: waiting.next, next: last.offset + 1, records })
      recordsLeft -= count
      waiting.next = last.offset + 1
      this.#count(records)
      // Its turn is over.
      this.#partitions.delete(partition)
      this.#partitions.set(partition, waiting)
    }
    return stretches
  }

  #count(gone: readonly LogRecord[]): void {
    this.#records -= gone.length
    this.#bytes -= bytesOf(gone)
  }
}

const bytesOf = (records: readonly LogRecord[]): number => records.reduce((sum, { value }) => sum + value.length, 0)
