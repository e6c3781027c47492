import type { RetryTier } from "../topics.ts"

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

const DELAYS: readonly (readonly [RetryTier, number])[] = [
  ["retry.1h", 60 * MINUTE_MS],
  ["retry.15m", 15 * MINUTE_MS],
  ["retry.5m", 5 * MINUTE_MS],
  ["retry.1m", 1 * MINUTE_MS],
]
/**
 * How much of a tier's delay may be missing: a wait of 60 s belongs to `retry.1m` although 59.99 s are left when it is chosen. So much may records of
 * a tier be out of order, and what has left a tier wait for one before it to be committed.
 */
const MISSING_MS_MAX = 1 * SECOND_MS

export const tierDelayMs = (tier: RetryTier): number => DELAYS.find(([name]) => name === tier)?.[1] ?? 5 * SECOND_MS

/** The largest tier whose delay does not overshoot the wait; `retry.5s` takes whatever is sooner. */
export function tierFor(waitMs: number): RetryTier {
  return DELAYS.find(([, delayMs]) => waitMs >= delayMs - MISSING_MS_MAX)?.[0] ?? "retry.5s"
}

/** How long a record stays at least, unless it is due: where the log's clock is behind, it would go round without end otherwise. */
const STAY_MS_MIN = 1 * SECOND_MS

/** Times of a record in a tier, unix milliseconds: by the log's clock, by whoever put it there, by whoever reads it. */
export interface TierTimes {
  readonly appendedAtMs: number
  readonly dueAtMs: number
  readonly readAtMs: number
}

/**
 * When a record in a tier is looked at again: at its due time, or when the tier's delay has passed since it was appended, whichever is first.
 * A due time that a jump of the clock put far ahead holds a tier up no longer than its delay.
 */
export const wakeAt = (tier: RetryTier, { appendedAtMs, dueAtMs, readAtMs }: TierTimes): number =>
  Math.min(dueAtMs, Math.max(appendedAtMs + tierDelayMs(tier), readAtMs + STAY_MS_MIN))
