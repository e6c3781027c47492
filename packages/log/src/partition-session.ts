import { limits, OffsetTracker, type Topic } from "@posthorn/core"
import { recordBytes } from "./append-batcher.ts"
import type { GroupHandler, LogRecord, OwnedPartition, Window } from "./event-log.ts"

export interface PartitionSessionOptions {
  readonly topic: Topic
  readonly partition: number
  /** Where reading starts unless the handler says otherwise. */
  readonly committed: number
  readonly handler: GroupHandler
  readonly window?: Window | undefined
  /** The partition may be read again: it was opened, or its window has drained to half. */
  readonly onRoom?: (session: PartitionSession) => void
  /** Reading goes on at `position`, which is not one past the last record accepted. */
  readonly onMoved?: (session: PartitionSession) => void
  /** The handler threw or rejected: its member must die. */
  readonly onFailed: (error: Error) => void
}

type State = "opening" | "open" | "draining" | "ended"

/**
 * A partition owned by a group member, as every adapter keeps it: from gained (`open`) to given up (`revoke`) or lost (`end`).
 * The adapter reads from `position` while `full` is false, hands what it read to `accept`, and commits what `toCommit` says.
 */
export class PartitionSession implements OwnedPartition {
  readonly topic: Topic
  readonly partition: number
  readonly #options: PartitionSessionOptions
  readonly #window: Required<Window>
  readonly #lost = new AbortController()
  #tracker: OffsetTracker
  #state: State = "opening"
  #position: number
  #committed: number
  /** Set when the window is reached, cleared at half of it, so that reads are not one record each. */
  #held = false
  #opening: Promise<void> | undefined
  #revoking: Promise<void> | undefined

  constructor(options: PartitionSessionOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.#options = options
    this.#window = { records: limits.WINDOW_RECORDS_MAX, bytes: limits.WINDOW_BYTES_MAX, ...options.window }
    this.#committed = options.committed
    this.#position = options.committed
    this.#tracker = new OffsetTracker(options.committed)
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** Offset to read next. */
  get position(): number {
    return this.#position
  }

  /** Nothing may be handed over now. Falls back to false with `onRoom`. */
  get full(): boolean {
    return this.#state !== "open" || this.#held
  }

  /** How many records, and bytes of them, the window still takes. One record may always go over the bytes. */
  get room(): { readonly records: number; readonly bytes: number } {
    if (this.full) return { records: 0, bytes: 0 }
    return {
      records: Math.min(this.#window.records - this.#tracker.unfinished, limits.WINDOW_SPAN_MAX - this.#tracker.span),
      bytes: Math.max(1, this.#window.bytes - this.#tracker.unfinishedBytes),
    }
  }

  /** Asks the handler where to start. Call it once; records may be accepted after `onRoom`. */
  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    try {
      const start = await this.#options.handler.assigned?.(this, this.#committed)
      if (start !== undefined) this.seek(start)
    } catch (error) {
      // Once the partition is being given up, what its opening ran into no longer matters.
      if (this.#state === "opening") this.#fail(error)
      return
    }
    if (this.#state !== "opening") return
    this.#state = "open"
    if (this.#position !== this.#committed) this.#options.onMoved?.(this)
    this.#options.onRoom?.(this)
  }

  /**
   * Hands records to the handler; they must be in order of offset. What lies before `position` is left out, and all of it when reading
   * began elsewhere than at `position`, which is what a read sees that was under way during `seek`.
   */
  accept(records: readonly LogRecord[], readFrom = this.#position): void {
    if (this.#state !== "open" || readFrom !== this.#position) return
    const fresh = records.filter((record) => record.offset >= this.#position)
    const last = fresh.at(-1)
    if (last === undefined) return
    for (const record of fresh) this.#tracker.handOver(record.offset, recordBytes(record))
    this.#position = last.offset + 1
    this.#held = this.#windowUse() >= 1
    try {
      this.#options.handler.records(this, fresh)
    } catch (error) {
      this.#fail(error)
    }
  }

  finish(offset: number): void {
    if (this.#state === "ended" || !this.#tracker.finish(offset)) return
    if (!this.#held || this.#windowUse() > 0.5) return
    this.#held = false
    if (this.#state === "open") this.#options.onRoom?.(this)
  }

  seek(offset: number): void {
    if (this.#state !== "open" && this.#state !== "opening") return
    this.#tracker = new OffsetTracker(offset)
    this.#position = offset
    if (this.#state === "open") this.#options.onMoved?.(this)
    if (!this.#held) return
    this.#held = false
    this.#options.onRoom?.(this)
  }

  /** The offset to commit, or undefined when the last one committed still stands or the partition is no longer ours. */
  toCommit(): number | undefined {
    return this.#state === "ended" || this.#tracker.next === this.#committed ? undefined : this.#tracker.next
  }

  /** Notes that the log has taken this offset. */
  committed(offset: number): void {
    this.#committed = offset
  }

  /** Gives the partition up: waits for the handler at most `REVOKE_DRAIN_MS`. Then commit, then `end`. */
  revoke(): Promise<void> {
    this.#revoking ??= this.#revoke()
    return this.#revoking
  }

  async #revoke(): Promise<void> {
    if (this.#state === "ended") return
    this.#state = "draining"
    this.#lost.abort()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, limits.REVOKE_DRAIN_MS)
    // A handler that cannot drain has nothing to wait for; what it left unfinished is handed over again.
    const drained = Promise.all([this.#opening, this.#letGo()]).catch(() => undefined)
    await Promise.race([drained, late.promise])
    clearTimeout(timer)
  }

  /** The partition is gone: nothing that happens to it counts from now on. Not preceded by `revoke` when it was lost. */
  end(): void {
    if (this.#state === "ended") return
    const lost = this.#state !== "draining"
    this.#state = "ended"
    this.#lost.abort()
    // The next owner does not wait, so neither do we; the handler is told only to let go of what it keeps.
    if (lost) void this.#letGo().catch(() => undefined)
  }

  async #letGo(): Promise<void> {
    await this.#options.handler.revoked?.(this)
  }

  #fail(error: unknown): void {
    this.#options.onFailed(error instanceof Error ? error : new Error(String(error)))
  }

  /** Share of the window in use, by the bound that is nearest. */
  #windowUse(): number {
    const { unfinished, unfinishedBytes, span } = this.#tracker
    return Math.max(unfinished / this.#window.records, unfinishedBytes / this.#window.bytes, span / limits.WINDOW_SPAN_MAX)
  }
}
