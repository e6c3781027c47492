import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, noSuch, refuse, type Refusal } from "@posthorn/core"
import type { LogReader } from "@posthorn/log"
import { WatchDeliveriesResponseSchema, type WatchDeliveriesResponse } from "@posthorn/proto"
import type { SecretBox } from "@posthorn/runtime"
import { AttemptsTail } from "./attempts-tail.ts"
import { readCursor, writeCursor, type Cursor } from "./cursor.ts"
import { behind, replay } from "./replay.ts"
import { Turns } from "./turns.ts"
import { type Backlog, Watcher, type Wanted } from "./watcher.ts"

export interface LiveOptions {
  readonly log: Pick<LogReader, "ends" | "read" | "tail">
  readonly box: SecretBox
  readonly nowMs: () => number
  /** Whether an application is there. */
  readonly exists: (applicationId: string) => boolean
  /** Default `WATCH_HEARTBEAT_MS`. */
  readonly heartbeatMs?: number
  /** Default `WATCH_LOOKBACK_RECORDS_MAX`. */
  readonly lookbackRecords?: number
}

/** What to watch, and from where. */
export interface Watch {
  readonly wanted: Wanted
  /** Empty = from now on. */
  readonly cursor: string
  /** Aborted when the watch is over. */
  readonly signal: AbortSignal
}

/** A refusal is the last. */
export type WatchMessages = AsyncGenerator<WatchDeliveriesResponse | Refusal, void>

/** Where a watch begins. */
type Start =
  | { readonly kind: "now" }
  | { readonly kind: "at"; readonly cursor: Cursor }
  /** What was after its cursor is not read any more. */
  | { readonly kind: "gap"; readonly sinceMs: number }

/** Live streams of what happens to deliveries. The log is read for them while there are any, once for all of them. */
export class LiveDeliveries {
  readonly #options: LiveOptions
  readonly #backlog: Backlog = { count: 0 }
  readonly #catchUps = new Turns(limits.WATCH_CATCH_UPS_MAX)
  readonly #watchers = new Set<Watcher>()
  #tail: AttemptsTail | undefined
  #timer: NodeJS.Timeout | undefined
  #closing: Promise<unknown> = Promise.resolve()

  constructor(options: LiveOptions) {
    this.#options = options
  }

  /** Messages begin with where they do: a cursor, or a gap. Rejects with `LogUnavailable`. */
  async watch({ wanted, cursor, signal }: Watch): Promise<WatchMessages | Refusal> {
    const from = cursor === "" ? undefined : readCursor(this.#options.box, cursor)
    if (cursor !== "" && from === undefined) {
      const details = [{ field: "cursor", reason: "must be as answered by this installation" }]
      return refuse("invalid_argument", "The cursor is none of ours.", { details })
    }
    const tail = (this.#tail ??= new AttemptsTail({ ...this.#options, write: this.#write }))
    const watcher = new Watcher(wanted, this.#backlog, () => this.#left(tail, watcher))
    this.#watchers.add(watcher)
    this.#timer ??= setInterval(() => this.#endOrphans(), limits.WATCH_CHECK_MS)
    signal.addEventListener("abort", () => watcher.leave())
    if (signal.aborted) watcher.leave()
    try {
      await tail.ready()
      return this.#messages(tail, watcher, await this.#startOf(from))
    } catch (error) {
      watcher.leave()
      throw error
    }
  }

  /** Resolves when the log is no longer read, once every watch is over. */
  async stop(): Promise<void> {
    await this.#closing
  }

  async *#messages(tail: AttemptsTail, watcher: Watcher, start: Start): WatchMessages {
    if (start.kind === "at") {
      yield messageOf(this.#write(start.cursor))
      yield* this.#catchUp(tail, watcher, start.cursor)
    } else if (start.kind === "now") yield this.#nothingUpTo(tail.add(watcher))
    else yield this.#gap(tail.add(watcher), start.sinceMs)
    while (!watcher.gone) {
      const message = await watcher.next(this.#options.heartbeatMs ?? limits.WATCH_HEARTBEAT_MS)
      if (message !== undefined) yield message
      if (isRefusal(message)) return
      if (message === undefined && watcher.missed !== undefined) yield* this.#catchUp(tail, watcher, watcher.missed)
      // What came at the last moment is behind the tail's position, and still to be told.
      else if (message === undefined && watcher.idle && !watcher.gone) yield this.#nothingUpTo(tail.positions)
    }
  }

  /** Reads what the tail has passed, until so little is left that the watcher can join it meanwhile. */
  async *#catchUp(tail: AttemptsTail, watcher: Watcher, { atMs, positions }: Cursor): WatchMessages {
    const cursorAt = (at: readonly number[]): string => this.#write({ atMs, positions: at })
    const options = { log: this.#options.log, turns: this.#catchUps, watcher, cursorAt }
    let at = positions
    for (let left = behind(at, tail.positions); left > limits.WATCH_CHUNK_RECORDS; left = behind(at, tail.positions)) {
      if (watcher.gone || watcher.ended !== undefined) return
      // Slower than what comes, and for too long.
      if (left > this.#lookback) return yield this.#gap(tail.add(watcher), atMs)
      const to = [...tail.positions]
      yield* replay(options, at, to)
      at = to
    }
    yield* replay(options, at, tail.add(watcher))
  }

  async #startOf(cursor: Cursor | undefined): Promise<Start> {
    if (cursor === undefined) return { kind: "now" }
    const { atMs, positions } = cursor
    const ends = await this.#options.log.ends("attempts")
    const kept = positions.length === ends.length && ends.every(({ low, high }, at) => isWithin(positions[at], low, high))
    const highs = ends.map(({ high }) => high)
    return kept && behind(positions, highs) <= this.#lookback ? { kind: "at", cursor } : { kind: "gap", sinceMs: atMs }
  }

  get #lookback(): number {
    return this.#options.lookbackRecords ?? limits.WATCH_LOOKBACK_RECORDS_MAX
  }

  readonly #write = (cursor: Cursor): string => writeCursor(this.#options.box, cursor)

  #nothingUpTo(positions: readonly number[]): WatchDeliveriesResponse {
    return messageOf(this.#write({ atMs: this.#options.nowMs(), positions }))
  }

  #gap(positions: readonly number[], sinceMs: number): WatchDeliveriesResponse {
    const untilMs = this.#options.nowMs()
    const value = { since: timestampFromMs(sinceMs), until: timestampFromMs(untilMs) }
    const cursor = this.#write({ atMs: untilMs, positions })
    return create(WatchDeliveriesResponseSchema, { cursor, content: { case: "gap", value } })
  }

  /** An application that is gone is nobody's to watch. */
  #endOrphans(): void {
    for (const watcher of this.#watchers) {
      const { applicationId } = watcher.wanted
      if (applicationId !== undefined && !this.#options.exists(applicationId)) watcher.end(noSuch("application"))
    }
  }

  #left(tail: AttemptsTail, watcher: Watcher): void {
    tail.remove(watcher)
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#tail = undefined
    this.#closing = Promise.all([this.#closing, tail.close()])
  }
}

const messageOf = (cursor: string): WatchDeliveriesResponse => create(WatchDeliveriesResponseSchema, { cursor })

const isWithin = (position: number | undefined, low: number, high: number): boolean =>
  position !== undefined && position >= low && position <= high
