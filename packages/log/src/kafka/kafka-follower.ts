import { limits, type Topic } from "@posthorn/core"
import type { Follower, LogRecord } from "../event-log.ts"
import { Backoff } from "../pull/backoff.ts"
import type { Fetched, KafkaReader } from "./kafka-reader.ts"

export interface FollowOptions {
  /** Its own: a fetch that waits holds others up. Closed with the follower. */
  readonly reader: KafkaReader
  readonly topic: Topic
  readonly partition: number
  readonly from: number
  /** End of the partition at the call. */
  readonly high: number
  readonly onRecords: (records: readonly LogRecord[]) => void
  readonly onError: (error: unknown) => void
  readonly onEnd: () => void
}

/** Hands over the records of a partition as they come, by fetches that wait at the broker. */
export class KafkaFollower implements Follower {
  readonly #options: FollowOptions
  readonly #caughtUp = Promise.withResolvers<void>()
  readonly #closing = new AbortController()
  readonly #backoff = new Backoff()
  readonly #running: Promise<void>
  #position: number

  constructor(options: FollowOptions) {
    this.#options = options
    this.#position = options.from
    this.#running = this.#run()
  }

  get position(): number {
    return this.#position
  }

  /** Resolves once all that was there at the call has been handed over; rejects when closed before. */
  caughtUp(): Promise<void> {
    return this.#caughtUp.promise
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#caughtUp.reject(new Error("the follower was closed"))
    this.#caughtUp.promise.catch(() => undefined)
    // Ends the fetch that waits.
    await this.#options.reader.close()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (this.#position >= this.#options.high) this.#caughtUp.resolve()
      const fetched = await this.#fetch()
      if (fetched === undefined || this.#closing.signal.aborted) continue
      this.#position = fetched.next
      if (fetched.records.length > 0) this.#options.onRecords(fetched.records)
    }
    // A fetch that was under way may have opened a connection again.
    await this.#options.reader.close()
    this.#options.onEnd()
  }

  async #fetch(): Promise<Fetched | undefined> {
    const { reader, topic, partition, onError } = this.#options
    try {
      const fetched = await reader.fetch({ topic, partition, offset: this.#position, waitMs: limits.KAFKA_FOLLOW_WAIT_MS })
      if (fetched.high < this.#position) throw new Error(`${topic} ends at ${fetched.high}, before the position ${this.#position}`)
      this.#backoff.succeeded()
      return fetched
    } catch (error) {
      if (!this.#closing.signal.aborted) onError(error)
      await this.#backoff.failed(this.#closing.signal)
      return undefined
    }
  }
}
