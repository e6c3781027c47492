/** How much of something there may be: `count` in `periodSeconds` over time, and `burst` at once after a rest. */
export interface Rate {
  readonly count: number
  readonly periodSeconds: number
  /** 0 = `count`. */
  readonly burst: number
}

/** A rate, and whose it is. */
export interface NamedRate {
  /** Unlike every other one's. */
  readonly name: string
  readonly rate: Rate
}

export interface Quota {
  /** What may still come at once. */
  readonly remaining: number
  /** Until there may be one more than that; 0 = it is all there. */
  readonly moreInMs: number
}

/**
 * Counts by name against a rate that the caller brings along, evenly refilled. Keeps one number a name, for `namesMax` names; of more, those
 * that have been quiet are forgotten first, which changes nothing for them. Pure: time is an argument.
 */
export class RateMeter {
  readonly #namesMax: number
  /** When each name has its whole burst again; a time that has passed is as good as none. */
  readonly #fullAtMs = new Map<string, number>()

  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  /** Counts one against every rate, or against none when any of them is used up. Answers whether it did. */
  take(rates: readonly NamedRate[], nowMs: number): boolean {
    const takes = rates.map(({ name, rate }) => ({
      name,
      fullAtMs: this.#fullAt({ name, rate }, nowMs) + intervalOf(rate),
      burstMs: burstMsOf(rate),
    }))
    if (takes.some(({ fullAtMs, burstMs }) => fullAtMs - nowMs > burstMs + ROUNDING_MS)) return false
    for (const { name, fullAtMs } of takes) {
      this.#fullAtMs.delete(name)
      this.#fullAtMs.set(name, fullAtMs)
    }
    if (this.#fullAtMs.size > this.#namesMax) this.#forget(nowMs)
    return true
  }

  /** What is left of a rate. */
  quota({ name, rate }: NamedRate, nowMs: number): Quota {
    const usedMs = this.#fullAt({ name, rate }, nowMs) - nowMs
    const interval = intervalOf(rate)
    const used = Math.max(0, Math.ceil((usedMs - ROUNDING_MS) / interval))
    const remaining = Math.max(0, burstOf(rate) - used)
    return { remaining, moreInMs: used === 0 ? 0 : usedMs - (burstOf(rate) - remaining - 1) * interval }
  }

  #fullAt({ name, rate }: NamedRate, nowMs: number): number {
    const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(name) ?? 0)
    const latestMs = nowMs + burstMsOf(rate)
    if (fullAtMs <= latestMs + ROUNDING_MS) return fullAtMs
    // The rate has changed: no more is used up than there is.
    this.#fullAtMs.set(name, latestMs)
    return latestMs
  }

  /** The map is in the order of the last use. Whoever is forgotten without having been quiet gets a new burst: rare, and bounded by it. */
  #forget(nowMs: number): void {
    for (const [name, fullAtMs] of this.#fullAtMs) if (fullAtMs <= nowMs) this.#fullAtMs.delete(name)
    for (const name of this.#fullAtMs.keys()) {
      if (this.#fullAtMs.size <= this.#namesMax) return
      this.#fullAtMs.delete(name)
    }
  }
}

/** Sums of intervals that are no whole milliseconds. */
const ROUNDING_MS = 1e-3

const intervalOf = ({ count, periodSeconds }: Rate): number => (periodSeconds * 1000) / count
const burstOf = ({ burst, count }: Rate): number => burst || count
const burstMsOf = (rate: Rate): number => burstOf(rate) * intervalOf(rate)
