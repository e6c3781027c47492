/** A map that holds at most so many entries: the one that was set the longest ago makes room. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #entriesMax: number

  constructor(entriesMax: number) {
    super()
    this.#entriesMax = entriesMax
  }

  override set(key: K, value: V): this {
    this.delete(key)
    super.set(key, value)
    const [oldest] = this.keys()
    if (this.size > this.#entriesMax && oldest !== undefined) this.delete(oldest)
    return this
  }
}
