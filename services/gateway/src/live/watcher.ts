import { limits, type Refusal } from "@posthorn/core"
import type { Delivery, DeliveryState, WatchDeliveriesResponse } from "@posthorn/proto"
import type { Cursor } from "./cursor.ts"

/** Which changes somebody wants to see; what is empty does not narrow. */
export interface Wanted {
  /** `undefined` = of every application, which only the operator may see. */
  readonly applicationId: string | undefined
  readonly subscriptionId: string
  readonly eventId: string
  readonly type: string
  /** 0 = any. */
  readonly state: DeliveryState
}

export function wants(wanted: Wanted, delivery: Delivery): boolean {
  return (
    (wanted.applicationId === undefined || wanted.applicationId === delivery.applicationId) &&
    (wanted.subscriptionId === "" || wanted.subscriptionId === delivery.subscriptionId) &&
    (wanted.eventId === "" || wanted.eventId === delivery.eventId) &&
    (wanted.type === "" || wanted.type === delivery.eventType) &&
    (wanted.state === 0 || wanted.state === delivery.state)
  )
}

/** Changes that wait for all watchers of a gateway together. */
export interface Backlog {
  count: number
}

/** What waits for one client of a live stream, within bounds: when there is more, the client has to read the log on its own from there. */
export class Watcher {
  readonly wanted: Wanted
  /** Up to where it was told everything, once there was no room for more. */
  missed: Cursor | undefined
  readonly #backlog: Backlog
  readonly #left: (watcher: Watcher) => void
  readonly #queue: WatchDeliveriesResponse[] = []
  #wake: (() => void) | undefined
  #ended: Refusal | undefined
  #gone = false

  constructor(wanted: Wanted, backlog: Backlog, left: (watcher: Watcher) => void) {
    this.wanted = wanted
    this.#backlog = backlog
    this.#left = left
  }

  /** Why it ended; what waits comes first. */
  get ended(): Refusal | undefined {
    return this.#ended
  }

  /** Whether nothing waits. */
  get idle(): boolean {
    return this.#queue.length === 0
  }

  get gone(): boolean {
    return this.#gone
  }

  /** Puts a message behind those that wait. Answers whether there was room. */
  offer(message: WatchDeliveriesResponse): boolean {
    if (this.#ended !== undefined || this.#gone) return true
    const waiting = this.#queue.length
    if (waiting >= limits.WATCH_QUEUE_MAX || (waiting > 0 && this.#backlog.count >= limits.WATCH_QUEUED_MAX)) return false
    this.#queue.push(message)
    this.#backlog.count++
    this.#wake?.()
    return true
  }

  /** Ends it now, whatever waits. */
  end(refusal: Refusal): void {
    this.#ended ??= refusal
    this.#clear()
    this.#wake?.()
  }

  /** The next message, or why there are no more; `undefined` when none comes in time, something was missed after the last, or the watcher leaves. */
  async next(timeoutMs: number): Promise<WatchDeliveriesResponse | Refusal | undefined> {
    if (this.#queue.length === 0 && this.#ended === undefined && this.missed === undefined && !this.#gone) await this.#waits(timeoutMs)
    const message = this.#queue.shift()
    if (message !== undefined) this.#backlog.count--
    return message ?? this.#ended
  }

  /** Forgets everything. Leaving twice does nothing. */
  leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#clear()
    this.#wake?.()
    this.#left(this)
  }

  async #waits(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeoutMs)
    this.#wake = resolve
    await promise
    this.#wake = undefined
    clearTimeout(timer)
  }

  #clear(): void {
    this.#backlog.count -= this.#queue.length
    this.#queue.length = 0
  }
}
