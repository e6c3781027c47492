interface Entry {
  readonly offset: number
  readonly bytes: number
  finished: boolean
}

/**
 * Knows which records of a partition are finished, and how far its offset may be committed.
 * Records are handed over in growing order of offset, with or without holes, and finished in any order.
 * Every call takes constant time on average.
 */
export class OffsetTracker {
  readonly #unfinished = new Map<number, Entry>()
  /** Hand-over order from the oldest record that holds the offset back; what lies before `#head` is done with. */
  #run: Entry[] = []
  #head = 0
  #next: number
  #last = -1
  #bytes = 0

  /** @param start offset to commit before anything is finished */
  constructor(start: number) {
    this.#next = start
  }

  /** Offset to commit: one past the last record of the unbroken run of finished ones. */
  get next(): number {
    return this.#next
  }

  /** Records handed over and not finished. */
  get unfinished(): number {
    return this.#unfinished.size
  }

  /** Bytes of the same. */
  get unfinishedBytes(): number {
    return this.#bytes
  }

  /** Records that would be handed over again after a crash: the oldest unfinished one and all that followed it, finished or not. */
  get span(): number {
    return this.#run.length - this.#head
  }

  /** Notes a record that is handed over. */
  handOver(offset: number, bytes: number): void {
    if (offset <= this.#last) throw new Error(`offset ${offset} handed over after ${this.#last}`)
    const entry = { offset, bytes, finished: false }
    this.#last = offset
    this.#run.push(entry)
    this.#unfinished.set(offset, entry)
    this.#bytes += bytes
  }

  /** Notes that a record needs no more work. Answers false for one that is not known as unfinished. */
  finish(offset: number): boolean {
    const entry = this.#unfinished.get(offset)
    if (entry === undefined) return false
    this.#unfinished.delete(offset)
    this.#bytes -= entry.bytes
    entry.finished = true
    this.#advance()
    return true
  }

  #advance(): void {
    for (let entry = this.#run[this.#head]; entry?.finished === true; entry = this.#run[this.#head]) {
      this.#next = entry.offset + 1
      this.#head++
    }
    // Dropping the front only when it is the larger half moves every entry at most once on average.
    if (this.#head * 2 >= this.#run.length) {
      this.#run = this.#run.slice(this.#head)
      this.#head = 0
    }
  }
}
