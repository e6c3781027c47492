import type { Clock } from "@posthorn/runtime"

/** Tells a person how far something is. */
export interface Progress {
  /** So many more records are done. */
  advance(records: number): void
  /** So many more are known to be left. */
  expect(records: number): void
  /** Something to say. */
  say(line: string): void
}

const EVERY_MS = 2000

/** Writes a line every other second while there is something to tell. */
export function progressTo(write: (line: string) => void, clock: Clock): Progress {
  const startedMs = clock.monotonicMs()
  let saidMs = startedMs
  let [done, total] = [0, 0]
  return {
    expect: (records) => void (total += records),
    advance(records) {
      done += records
      const nowMs = clock.monotonicMs()
      if (nowMs - saidMs < EVERY_MS) return
      saidMs = nowMs
      const perSecond = (done / (nowMs - startedMs)) * 1000
      const left = Math.max(0, total - done)
      write(`${done} of ${total} records, ${perSecond.toFixed(0)}/s, ${Math.ceil(left / perSecond)} s left`)
    },
    say: write,
  }
}
