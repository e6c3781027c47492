import * as limits from "../limits.ts"

/** How an endpoint stands. Times are unix milliseconds. */
export interface BreakerStanding {
  readonly state: "closed" | "open"
  /** Failures since the last success. */
  readonly failures: number
  /** When the state became what it is. */
  readonly sinceMs: number
  /** With `open`: nothing goes out before. */
  readonly nextProbeAtMs: number
}

/** What an attempt came to, as far as its endpoint is concerned. */
export interface AttemptSign {
  readonly succeeded: boolean
  readonly startedAtMs: number
  readonly endedAtMs: number
}

/**
 * Whether requests to one endpoint go out. Closed, until `BREAKER_FAILURES` attempts in a row have failed over at least
 * `BREAKER_SPAN_MS`; then open until a probe succeeds, the first after `BREAKER_PROBE_MS`, each next one after twice the wait. Between a
 * probe's time and its end the breaker is half open: its owner lets one attempt out at a time. Pure: time is an argument.
 */
export class Breaker {
  #failures = 0
  #failingSinceMs = 0
  #open = false
  #sinceMs: number
  #nextProbeAtMs = 0
  #probeMs: number = limits.BREAKER_PROBE_MS

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  /** A breaker that was open under another owner: a probe may go out at the time that was planned. */
  static opened({ sinceMs, nextProbeAtMs, failures }: Omit<BreakerStanding, "state">): Breaker {
    const breaker = new Breaker(sinceMs)
    breaker.#open = true
    breaker.#failures = failures
    breaker.#failingSinceMs = sinceMs
    breaker.#nextProbeAtMs = nextProbeAtMs
    return breaker
  }

  get standing(): BreakerStanding {
    return { state: this.#open ? "open" : "closed", failures: this.#failures, sinceMs: this.#sinceMs, nextProbeAtMs: this.#nextProbeAtMs }
  }

  /** Nothing is known against the endpoint: forgetting the breaker changes nothing. */
  get idle(): boolean {
    return !this.#open && this.#failures === 0
  }

  /** Takes in how an attempt ended, and answers whether it opened or closed the breaker. */
  saw({ succeeded, startedAtMs, endedAtMs }: AttemptSign): "opened" | "closed" | undefined {
    if (succeeded) {
      const closed = this.#open
      if (closed) this.#sinceMs = endedAtMs
      this.#open = false
      this.#failures = 0
      this.#probeMs = limits.BREAKER_PROBE_MS
      return closed ? "closed" : undefined
    }
    if (this.#failures++ === 0) this.#failingSinceMs = startedAtMs
    if (this.#open) {
      // What was under way when it opened is no probe.
      if (startedAtMs < this.#nextProbeAtMs) return undefined
      this.#probeMs = Math.min(this.#probeMs * 2, limits.BREAKER_PROBE_MS_MAX)
      this.#nextProbeAtMs = endedAtMs + this.#probeMs
      return undefined
    }
    if (this.#failures < limits.BREAKER_FAILURES || endedAtMs - this.#failingSinceMs < limits.BREAKER_SPAN_MS) return undefined
    this.#open = true
    this.#sinceMs = endedAtMs
    this.#nextProbeAtMs = endedAtMs + this.#probeMs
    return "opened"
  }
}
