/** Where time comes from. Handed to what needs it, so that tests can give their own. */
export interface Clock {
  /** Unix time in milliseconds. May jump, also backwards. */
  nowMs(): number
  /** Milliseconds since some fixed moment. Never goes back; means nothing in another process. */
  monotonicMs(): number
}

/** The machine's clocks. */
export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
