import { AsyncLocalStorage } from "node:async_hooks"
import { syncBuiltinESMExports } from "node:module"
import timersPromises from "node:timers/promises"
import { DueQueue } from "@posthorn/core"
import type { Clock } from "@posthorn/runtime"
import type { Random } from "./random.ts"

interface Timer {
  readonly run: () => void
  readonly owner: object | undefined
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
 *
 * What is run `inside` somebody is theirs, with all that it sets in motion: they can be frozen, and have a wall clock of their own.
 */
export class VirtualTime implements Clock {
  readonly #random: Random
  readonly #queue = new DueQueue<Timer>()
  readonly #owner = new AsyncLocalStorage<object | undefined>()
  /** Whoever is frozen, with what they have missed. */
  readonly #frozen = new Map<object, Timer[]>()
  readonly #wallAheadMs = new WeakMap<object, number>()
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

  /** What the wall clock of whoever asks shows: only this one jumps. */
  wallMs(): number {
    const owner = this.#owner.getStore()
    return this.#nowMs + ((owner && this.#wallAheadMs.get(owner)) ?? 0)
  }

  /** Sets somebody's wall clock forward, or back. */
  jump(owner: object, byMs: number): void {
    this.#wallAheadMs.set(owner, (this.#wallAheadMs.get(owner) ?? 0) + byMs)
  }

  inside<T>(owner: object | undefined, run: () => T): T {
    return this.#owner.run(owner, run)
  }

  /** From now on nothing happens to somebody. */
  freeze(owner: object): void {
    if (!this.#frozen.has(owner)) this.#frozen.set(owner, [])
  }

  /** All that somebody has missed happens now, in its order. */
  thaw(owner: object): void {
    const missed = this.#frozen.get(owner) ?? []
    this.#frozen.delete(owner)
    for (const timer of missed) this.#queue.add(this.#nowMs, timer)
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
      setImmediate: (run: () => void) => this.#put(this.#timer(run, undefined), 0),
      clearTimeout: cancel,
      clearInterval: cancel,
      clearImmediate: cancel,
    }
    Object.assign(globalThis, replaced)
    Date.now = () => this.wallMs()
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

  /** Lets things happen until the work is done, or enough; rejects when nothing can happen any more, or too much has. */
  async run(work: Promise<void>, enough: () => boolean = () => false): Promise<void> {
    let done = false
    const ended = work.finally(() => (done = true))
    // Whoever awaits `ended` below hears of it; until then a rejection is not unhandled.
    ended.catch(() => undefined)
    for (;;) {
      await new Promise<void>((resolve) => void realImmediate(resolve))
      if (done) return ended
      if (enough()) return
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
      const missed = timer.owner && this.#frozen.get(timer.owner)
      if (missed !== undefined) {
        missed.push(timer)
        continue
      }
      this.#nowMs = Math.max(this.#nowMs, Math.floor(atMs))
      this.#fired++
      this.#waiting--
      if (timer.everyMs === undefined) timer.cancelled = true
      else this.#put(timer, timer.everyMs)
      this.inside(timer.owner, timer.run)
      return
    }
  }

  #add(run: () => void, ms: number, everyMs: number | undefined): Timer {
    // Timers are late now and then, never early.
    const lateMs = this.#random.chance(0.05) ? this.#random.between(1, 20) : 0
    return this.#put(this.#timer(run, everyMs), Math.max(1, Math.trunc(ms)) + lateMs)
  }

  #timer(run: () => void, everyMs: number | undefined): Timer {
    return { run, owner: this.#owner.getStore(), everyMs, cancelled: false }
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
