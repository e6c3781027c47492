/**
 * Ids in ascending order; for ids that begin with their time of creation that is the order of creation.
 * Adding the newest and reading a page are cheap however many there are; anything else moves an array of references at most.
 */
export class SortedIds {
  readonly #ids: string[] = []

  get size(): number {
    return this.#ids.length
  }

  /** Does nothing when the id is there already. */
  add(id: string): void {
    const index = this.#indexOf(id)
    if (this.#ids[index] !== id) this.#ids.splice(index, 0, id)
  }

  remove(id: string): void {
    const index = this.#indexOf(id)
    if (this.#ids[index] === id) this.#ids.splice(index, 1)
  }

  /** At most `size` ids, newest first, beginning below `before` (which need not be there any more). */
  newest(size: number, before?: string): readonly string[] {
    const end = before === undefined ? this.#ids.length : this.#indexOf(before)
    return this.#ids.slice(Math.max(0, end - size), end).toReversed()
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#ids.values()
  }

  /** Where the id is, or would be. */
  #indexOf(id: string): number {
    let low = 0
    let high = this.#ids.length
    // New ids come last nearly always.
    if (high > 0 && (this.#ids[high - 1] ?? "") < id) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ids[middle] ?? "") < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
