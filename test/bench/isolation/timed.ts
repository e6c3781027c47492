import { quantile } from "../figures.ts"

/** How long events took that were sent, when some of them may not have arrived yet. */
export interface Timed {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** What has not arrived counts as slow as the slowest that has, and at least as this. */
export function timed(waits: readonly number[], sent: number, leastMs: number): Timed {
  if (waits.length > sent) throw new Error(`${waits.length} arrived of ${sent} that were sent`)
  const worst = waits.reduce((most, each) => Math.max(most, each), leastMs)
  const all = [...waits, ...Array.from({ length: sent - waits.length }, () => worst)]
  return { p50Ms: quantile(all, 0.5), p99Ms: quantile(all, 0.99), maxMs: quantile(all, 1) }
}
