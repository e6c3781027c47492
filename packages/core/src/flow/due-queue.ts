interface Entry<T> {
  readonly atMs: number
  readonly order: number
  readonly value: T
}

/** What is to happen at a time, earliest first; what has the same time in order of arrival. A binary heap: adding and taking cost log n. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** When the earliest is due. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  add(atMs: number, value: T): void {
    const entry = { atMs, order: this.#order++, value }
    let index = this.#heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#heap[parent]
      if (above === undefined || before(above, entry)) break
      this.#heap[index] = above
      index = parent
    }
    this.#heap[index] = entry
  }

  /** Removes and answers the earliest if its time has come. */
  take(nowMs: number): T | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.atMs > nowMs) return undefined
    const last = this.#heap.pop()
    if (last !== undefined && last !== first) this.#sink(last)
    return first.value
  }

  #sink(entry: Entry<T>): void {
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      const [leftEntry, rightEntry] = [this.#heap[left], this.#heap[right]]
      if (leftEntry === undefined) break
      const child = rightEntry !== undefined && before(rightEntry, leftEntry) ? right : left
      const below = this.#heap[child]
      if (below === undefined || before(entry, below)) break
      this.#heap[index] = below
      index = child
    }
    this.#heap[index] = entry
  }
}

const before = (a: Entry<unknown>, b: Entry<unknown>): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
