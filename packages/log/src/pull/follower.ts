import { limits, type Topic } from "@posthorn/core"
import type { Follower, LogRecord } from "../event-log.ts"
import { Backoff } from "./backoff.ts"
import { wasCut, type RecordSource } from "./record-source.ts"

export interface FollowOptions {
  readonly source: RecordSource
  readonly topic: Topic
  readonly from: number
  readonly onRecords: (records: readonly LogRecord[]) => void
  /** Told of every read that failed, and is tried again. */
  readonly onError: (error: unknown) => void
}

/** Follows the first partition of a topic; see `LogReader.follow`. */
export class PullFollower implements Follower {
  readonly #options: FollowOptions
  readonly #stopped = new AbortController()
  readonly #unsubscribe: () => void
  readonly #backoff = new Backoff()
  #position: number
  #due = true
  #running: Promise<void> | undefined

  constructor(options: FollowOptions) {
    this.#options = options
    this.#position = options.from
    this.#unsubscribe = options.source.onAppended((topic) => {
      if (topic !== options.topic) return
      this.#due = true
      void this.catchUp()
    })
  }

  get position(): number {
    return this.#position
  }

  /** Hands over what there is; resolves when nothing is left. */
  catchUp(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#due && !this.#stopped.signal.aborted) {
      this.#due = false
      const records = await this.#fetch()
      const last = records.at(-1)
      if (last === undefined || this.#stopped.signal.aborted) continue
      this.#position = last.offset + 1
      this.#options.onRecords(records)
    }
    this.#running = undefined
  }

  async #fetch(): Promise<readonly LogRecord[]> {
    const { source, topic } = this.#options
    const request = { topic, partition: 0, from: this.#position, records: limits.FETCH_RECORDS_MAX, bytes: limits.FETCH_BYTES_MAX }
    try {
      const [records = []] = await source.fetch([request])
      this.#backoff.succeeded()
      if (wasCut(request, records)) this.#due = true
      return records
    } catch (error) {
      // Following survives a log that is away, however long.
      this.#options.onError(error)
      this.#due = true
      await this.#backoff.failed(this.#stopped.signal)
      return []
    }
  }
}
