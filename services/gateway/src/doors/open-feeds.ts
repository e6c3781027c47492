import { limits, refuse, type Refusal } from "@posthorn/core"
import type { Caller, FeedEvents, FeedKind } from "../call.ts"

/** How many feeds of a kind may be open. */
export interface FeedBounds {
  readonly perKey: number
  readonly perApplication: number
  readonly together: number
}

const BOUNDS: Readonly<Record<FeedKind, FeedBounds>> = {
  export: { perKey: limits.EXPORTS_PER_KEY_MAX, perApplication: limits.EXPORTS_PER_APPLICATION_MAX, together: limits.EXPORTS_MAX },
  watch: { perKey: limits.WATCHES_PER_KEY_MAX, perApplication: limits.WATCHES_PER_APPLICATION_MAX, together: limits.WATCHES_MAX },
}

export interface OpenFeedsOptions {
  /** Aborted when the gateway shuts down: every feed ends. */
  readonly draining: AbortSignal
  readonly events: FeedEvents
  readonly bounds?: Readonly<Record<FeedKind, FeedBounds>>
  /** Default `FEED_CHECK_MS`. */
  readonly checkMs?: number
  /** Default `FEED_STALL_MS`. */
  readonly stallMs?: number
}

/** Who opens a feed. */
export interface FeedOpener {
  readonly kind: FeedKind
  readonly caller: Caller
  /** Aborted when the client goes away or its deadline passes. */
  readonly gone: AbortSignal
  /** Why the caller may not go on. */
  readonly judge: () => Promise<Refusal | undefined>
}

const DRAINING = refuse("unavailable", "The gateway shuts down: open the stream again and go on from the last token or cursor.", {
  retryAfterSeconds: 1,
})
const GONE = refuse("deadline_exceeded", "The caller went away, or the deadline passed.")
const STALLED = refuse("resource_exhausted", "The stream was not read for too long: open it again and go on from the last token or cursor.")

/** The feeds of a gateway that are open: so many of a key, an application and all together, and none for longer than its caller may have it. */
export class OpenFeeds {
  readonly #options: OpenFeedsOptions
  readonly #open = new Set<OpenFeed>()
  readonly #counts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: OpenFeedsOptions) {
    this.#options = options
    options.draining.addEventListener("abort", () => {
      for (const feed of this.#open) feed.end(DRAINING)
    })
  }

  /** Whoever opens a feed closes it. */
  open(opener: FeedOpener): OpenFeed | Refusal {
    const { draining, bounds = BOUNDS, stallMs = limits.FEED_STALL_MS, checkMs = limits.FEED_CHECK_MS } = this.#options
    if (draining.aborted) return DRAINING
    const { kind, caller } = opener
    const { perKey, perApplication, together } = bounds[kind]
    const shares: readonly (readonly [name: string, most: number, whose: string])[] = [
      [`${kind} key ${caller.keyId}`, perKey, "this key"],
      ...(caller.applicationId === undefined
        ? []
        : [[`${kind} application ${caller.applicationId}`, perApplication, "this application"] as const]),
      [kind, together, "this gateway"],
    ]
    const full = shares.find(([name, most]) => (this.#counts.get(name) ?? 0) >= most)
    if (full !== undefined)
      return refuse("resource_exhausted", `There are ${full[1]} streams of this kind open for ${full[2]}, which is as many as may be.`, {
        retryAfterSeconds: 1,
      })
    const names = shares.map(([name]) => name)
    const feed = new OpenFeed(opener, stallMs, () => this.#close(feed, kind, names))
    this.#open.add(feed)
    this.#timer ??= setInterval(() => this.#check(), checkMs)
    this.#count(kind, names, 1)
    return feed
  }

  #check(): void {
    for (const feed of this.#open) void feed.check()
  }

  #close(feed: OpenFeed, kind: FeedKind, names: readonly string[]): void {
    if (!this.#open.delete(feed)) return
    this.#count(kind, names, -1)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #count(kind: FeedKind, names: readonly string[], change: 1 | -1): void {
    for (const name of names) {
      const count = (this.#counts.get(name) ?? 0) + change
      if (count === 0) this.#counts.delete(name)
      else this.#counts.set(name, count)
    }
    this.#options.events.feedsOpen(kind, this.#counts.get(kind) ?? 0)
  }
}

/** One feed, until something ends it. */
export class OpenFeed {
  readonly #opener: FeedOpener
  readonly #stallMs: number
  readonly #closed: () => void
  readonly #ending = new AbortController()
  readonly #gone = (): void => this.end(GONE)
  #refusal: Refusal | undefined

  constructor(opener: FeedOpener, stallMs: number, closed: () => void) {
    this.#opener = opener
    this.#stallMs = stallMs
    this.#closed = closed
    opener.gone.addEventListener("abort", this.#gone)
    if (opener.gone.aborted) this.#gone()
  }

  /** Aborted when the feed has to end, and once it has ended. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Why it had to end; `undefined` = it did not have to. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  end(refusal: Refusal): void {
    this.#refusal ??= refusal
    this.#ending.abort()
  }

  async check(): Promise<void> {
    const refused = await this.#opener.judge()
    if (refused !== undefined) this.end(refused)
  }

  /** Resolves when the client has taken what was written, or the feed has to end: also because it takes too long. */
  async taken(written: Promise<void>): Promise<void> {
    if (this.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = (): void => resolve()
    const timer = setTimeout(() => this.end(STALLED), this.#stallMs)
    this.signal.addEventListener("abort", done)
    void written.then(done)
    await promise
    this.signal.removeEventListener("abort", done)
    clearTimeout(timer)
  }

  close(): void {
    this.#opener.gone.removeEventListener("abort", this.#gone)
    this.#ending.abort()
    this.#closed()
  }
}
