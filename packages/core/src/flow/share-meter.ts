/** Names remembered before those that have been quiet are forgotten. */
const NAMES_MAX = 10_000

/**
 * Tells what exceeds its share: each name may have `perSecond` over time, and be ahead of that by `burst`. Pure: time is an argument.
 */
export class ShareMeter {
  readonly #intervalMs: number
  readonly #aheadMs: number
  /** When each name is even with its share; a time that has passed is as good as none. */
  readonly #evenAtMs = new Map<string, number>()

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#intervalMs = 1000 / perSecond
    this.#aheadMs = burst * this.#intervalMs
  }

  /** Counts one of this name, unless it exceeds the share; answers whether it does. */
  exceeds(name: string, nowMs: number): boolean {
    const evenAtMs = Math.max(nowMs, this.#evenAtMs.get(name) ?? 0) + this.#intervalMs
    if (evenAtMs - nowMs > this.#aheadMs) return true
    this.#evenAtMs.set(name, evenAtMs)
    if (this.#evenAtMs.size > NAMES_MAX) this.#forget(nowMs)
    return false
  }

  #forget(nowMs: number): void {
    for (const [name, evenAtMs] of this.#evenAtMs) if (evenAtMs <= nowMs) this.#evenAtMs.delete(name)
    // Whoever is not quiet gets a new share: rare, and it costs nothing but a burst.
    if (this.#evenAtMs.size > NAMES_MAX) this.#evenAtMs.clear()
  }
}
