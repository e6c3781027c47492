import { create } from "@bufbuild/protobuf"
import type { LogReader, LogRecord, Tail } from "@posthorn/log"
import { WatchDeliveriesResponseSchema, type Delivery, type DeliveryChange } from "@posthorn/proto"
import type { Cursor } from "./cursor.ts"
import { changeOf } from "./delivery-change.ts"
import { type Watcher, wants } from "./watcher.ts"

export interface AttemptsTailOptions {
  readonly log: Pick<LogReader, "ends" | "tail">
  readonly nowMs: () => number
  readonly write: (cursor: Cursor) => string
}

/** Stands for the operator's watchers of every application. */
const EVERY = ""

/** The end of the topic `attempts` as it grows: each record is read and decoded once, and given to the watchers of its application alone. */
export class AttemptsTail {
  readonly #options: AttemptsTailOptions
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #opening: Promise<Tail>
  #positions: number[] = []

  constructor(options: AttemptsTailOptions) {
    this.#options = options
    this.#opening = this.#open()
  }

  /** Rejects with `LogUnavailable`. */
  async ready(): Promise<void> {
    await this.#opening
  }

  /** The next offset to be handed over, by partition. */
  get positions(): readonly number[] {
    return this.#positions
  }

  /** From here on the watcher gets what it wants; answers where that is. */
  add(watcher: Watcher): readonly number[] {
    if (watcher.gone) return this.#positions
    watcher.missed = undefined
    const name = watcher.wanted.applicationId ?? EVERY
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers.add(watcher))
    return [...this.#positions]
  }

  remove(watcher: Watcher): void {
    const name = watcher.wanted.applicationId ?? EVERY
    const watchers = this.#watchers.get(name)
    watchers?.delete(watcher)
    if (watchers?.size === 0) this.#watchers.delete(name)
  }

  async close(): Promise<void> {
    const tail = await this.#opening.catch(() => undefined) // Whoever waited for it was told.
    await tail?.close()
  }

  async #open(): Promise<Tail> {
    const { log } = this.#options
    this.#positions = (await log.ends("attempts")).map(({ high }) => high)
    return log.tail("attempts", [...this.#positions], (records) => this.#take(records))
  }

  #take(records: readonly LogRecord[]): void {
    for (const record of records) {
      const change = changeOf(record)
      const wanting = change?.delivery === undefined ? [] : this.#wanting(change.delivery)
      const before = wanting.length === 0 ? [] : [...this.#positions]
      this.#positions[record.partition] = record.offset + 1
      if (change !== undefined && wanting.length > 0) this.#tell(change, wanting, before)
    }
  }

  #wanting(delivery: Delivery): Watcher[] {
    const watchers = [delivery.applicationId, EVERY].flatMap((name) => [...(this.#watchers.get(name) ?? [])])
    return watchers.filter(({ wanted }) => wants(wanted, delivery))
  }

  #tell(change: DeliveryChange, wanting: readonly Watcher[], before: readonly number[]): void {
    const { nowMs, write } = this.#options
    const cursor = write({ atMs: nowMs(), positions: this.#positions })
    const message = create(WatchDeliveriesResponseSchema, { cursor, content: { case: "change", value: change } })
    for (const watcher of wanting) {
      if (watcher.offer(message)) continue
      watcher.missed = { atMs: nowMs(), positions: before }
      this.remove(watcher)
    }
  }
}
