import { uptime } from "node:os"

/** Where time comes from. Handed to what needs it, so that tests can give their own. */
export interface Clock {
  /**
   * Unix time in whole milliseconds, for due times and whatever is compared with them. Never goes back, and does not jump with the system's
   * clock. Not guaranteed: that it is the system's time, from which such a jump parts it until the process ends.
   */
  nowMs(): number
  /** Milliseconds since some fixed moment. Never goes back; means nothing in another process. */
  monotonicMs(): number
  /** The system's Unix time in milliseconds, for times that others give us or check: signatures, dates. May jump, also backwards. */
  wallMs(): number
}

/** The system's clock was set. Milliseconds, positive = ahead. */
export interface ClockJump {
  readonly byMs: number
  /** How far the system's clock is from `nowMs` now, all jumps together. */
  readonly offsetMs: number
}

export interface SteadyClock extends Clock {
  /** Calls back once for every jump, when time is next asked for. */
  onJump(listener: (jump: ClockJump) => void): void
}

/** What a machine tells of time, in milliseconds. */
export interface TimeSources {
  /** The system's Unix time. */
  wallMs(): number
  /** Goes on evenly while the machine runs, and may stand still while it is suspended. */
  monotonicMs(): number
  /** Time since the machine was started, with what it was suspended. May be coarse. */
  uptimeMs(): number
}

/** From here on a difference is a jump; smaller ones are drift, leap seconds and the steps of time servers. */
const JUMP_MS_MIN = 2000
/** How much faster or slower time goes until a smaller difference is made up for: a second takes 200 s. */
const SLEW = 0.005
/** How often the sources are compared. */
const COMPARE_MS = 1000
/** A comparison that took longer says nothing: the process stood still between two readings. */
const COMPARE_TAKES_MS_MAX = 50

/**
 * A clock that starts with the system's time and goes on by itself. Time in suspension counts as far as both the system's clock and the
 * uptime tell of it, so that neither alone can move it; small differences to the system's clock are made up for gradually; larger ones are
 * reported and left.
 */
export function createSteadyClock(sources: TimeSources): SteadyClock {
  const listeners: ((jump: ClockJump) => void)[] = []
  let last = { monotonicMs: sources.monotonicMs(), uptimeMs: sources.uptimeMs(), steadyMs: sources.wallMs() }
  /** How far the system's clock was ahead at the last comparison, jumps aside. */
  let aheadMs = 0
  let jumpedMs = 0

  const steadyAt = (monotonicMs: number): number => {
    const elapsedMs = monotonicMs - last.monotonicMs
    return last.steadyMs + elapsedMs + Math.min(elapsedMs * SLEW, Math.max(-elapsedMs * SLEW, aheadMs))
  }

  const compare = (monotonicMs: number): void => {
    const [uptimeMs, wallMs] = [sources.uptimeMs(), sources.wallMs()]
    if (sources.monotonicMs() - monotonicMs > COMPARE_TAKES_MS_MAX) return
    let steadyMs = steadyAt(monotonicMs)
    let differenceMs = wallMs - jumpedMs - steadyMs
    const suspendedMs = Math.min(uptimeMs - last.uptimeMs - (monotonicMs - last.monotonicMs), differenceMs)
    if (suspendedMs > JUMP_MS_MIN) {
      steadyMs += suspendedMs
      differenceMs -= suspendedMs
    }
    const jumped = Math.abs(differenceMs) > JUMP_MS_MIN
    if (jumped) jumpedMs += differenceMs
    aheadMs = jumped ? 0 : differenceMs
    last = { monotonicMs, uptimeMs, steadyMs }
    if (jumped) for (const listener of listeners) listener({ byMs: Math.round(differenceMs), offsetMs: Math.round(jumpedMs) })
  }

  return {
    nowMs() {
      const monotonicMs = sources.monotonicMs()
      if (monotonicMs - last.monotonicMs >= COMPARE_MS) compare(monotonicMs)
      return Math.floor(steadyAt(monotonicMs))
    },
    monotonicMs: () => sources.monotonicMs(),
    wallMs: () => sources.wallMs(),
    onJump: (listener) => void listeners.push(listener),
  }
}

/** The machine's clock, one for the process. */
export const systemClock: SteadyClock = createSteadyClock({
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  uptimeMs: () => uptime() * 1000,
})
