import * as limits from "../limits.ts"

/** Spreads work evenly at so many a second. What a stall has cost is not made up for by hurrying. */
export class Pacer {
  readonly #perSecond: number
  #freeAtMs = -Infinity

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** How much to take at a time: what a quarter of a second allows, at most `TASK_BATCH_MAX`. */
  get batch(): number {
    return Math.min(limits.TASK_BATCH_MAX, Math.max(1, Math.floor(this.#perSecond / 4)))
  }

  /** Milliseconds to wait before so many more may go, who then count as gone. */
  reserve(count: number, nowMs: number): number {
    const startMs = Math.max(this.#freeAtMs, nowMs)
    this.#freeAtMs = startMs + (count * 1000) / this.#perSecond
    return startMs - nowMs
  }
}
