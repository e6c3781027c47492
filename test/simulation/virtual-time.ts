import { syncBuiltinESMExports } from "node:module"
import timersPromises from "node:timers/promises"
import { DueQueue } from "@posthorn/core"
import type { Clock } from "@posthorn/runtime"
import type { Random } from "./random.ts"

interface Timer {
  readonly run: () => void
  readonly everyMs: number | undefined
  cancelled: boolean
}

/** Fired timers after which a run counts as endless. */
const FIRED_MAX = 3_000_000
const START_MS = Date.UTC(2030, 0, 1)
const realImmediate = setImmediate

/**
 * Time that passes only when nothing else can happen. While it is installed, every timer of this thread is here, and they fire one by
 * one: by time, and in an order drawn from the seed where several are due. Promises settle in their own order between two timers, so a
 * run is the same every time unless something waits for the world outside.
 */
export class VirtualTime implements Clock {
  readonly #random: Random
  readonly #queue = new DueQueue<Timer>()
  #nowMs = START_MS
  #fired = 0
  #waiting = 0

  constructor(random: Random) {
    this.#random = random
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs - START_MS
  }

  /** Timers that will still fire. */
  get waiting(): number {
    return this.#waiting
  }

  readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => void this.#add(resolve, ms, undefined))

  /** Replaces the timers and clocks of this thread; the function answered puts them back. */
  install(): () => void {
    const real = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate }
    const realNow = { date: Date.now, performance: performance.now.bind(performance), sleep: timersPromises.setTimeout }
    const cancel = (timer: unknown): void => this.#cancel(timer as Timer | undefined)
    const replaced = {
      setTimeout: (run: () => void, ms = 0) => this.#add(run, ms, undefined),
      setInterval: (run: () => void, ms = 0) => this.#add(run, ms, ms),
      setImmediate: (run: () => void) => this.#put({ run, everyMs: undefined, cancelled: false }, 0),
      clearTimeout: cancel,
      clearInterval: cancel,
      clearImmediate: cancel,
    }
    Object.assign(globalThis, replaced)
    Date.now = () => this.#nowMs
    performance.now = () => this.monotonicMs()
    timersPromises.setTimeout = ((ms: number, value: unknown, options?: { signal?: AbortSignal }) =>
      this.#sleepUnless(ms, value, options?.signal)) as typeof timersPromises.setTimeout
    syncBuiltinESMExports()
    return () => {
      Object.assign(globalThis, real)
      Date.now = realNow.date
      performance.now = realNow.performance
      timersPromises.setTimeout = realNow.sleep
      syncBuiltinESMExports()
    }
  }

  /** Lets things happen until the work is done; rejects when nothing can happen any more, or too much has. */
  async run(work: Promise<void>): Promise<void> {
    let done = false
    const ended = work.finally(() => (done = true))
    // Whoever awaits `ended` below hears of it; until then a rejection is not unhandled.
    ended.catch(() => undefined)
    for (;;) {
      await new Promise<void>((resolve) => void realImmediate(resolve))
      if (done) return ended
      if (this.#fired > FIRED_MAX) throw new Error(`not over after ${FIRED_MAX} timers`)
      this.#fire()
    }
  }

  #fire(): void {
    for (;;) {
      const atMs = this.#queue.nextAtMs
      if (atMs === undefined) throw new Error("nothing can happen any more, and the work is not done")
      const timer = this.#queue.take(atMs)
      if (timer === undefined || timer.cancelled) continue
      this.#nowMs = Math.max(this.#nowMs, Math.floor(atMs))
      this.#fired++
      this.#waiting--
      if (timer.everyMs === undefined) timer.cancelled = true
      else this.#put(timer, timer.everyMs)
      timer.run()
      return
    }
  }

  #add(run: () => void, ms: number, everyMs: number | undefined): Timer {
    // Timers are late now and then, never early.
    const lateMs = this.#random.chance(0.05) ? this.#random.between(1, 20) : 0
    return this.#put({ run, everyMs, cancelled: false }, Math.max(1, Math.trunc(ms)) + lateMs)
  }

  #put(timer: Timer, afterMs: number): Timer {
    this.#waiting++
    this.#queue.add(this.#nowMs + afterMs + this.#random.next() * 0.99, timer)
    return timer
  }

  #cancel(timer: Timer | undefined): void {
    if (timer === undefined || timer.cancelled) return
    timer.cancelled = true
    this.#waiting--
  }

  #sleepUnless<T>(ms: number, value: T, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#cancel(timer)
        reject(signal?.reason as Error)
      }
      const timer = this.#add(
        () => {
          signal?.removeEventListener("abort", abort)
          resolve(value)
        },
        ms,
        undefined,
      )
      if (signal?.aborted) abort()
      else signal?.addEventListener("abort", abort, { once: true })
    })
  }
}
