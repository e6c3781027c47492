import { limits, type Topic } from "@posthorn/core"
import type { LogRecord, Tail } from "../event-log.ts"
import { Backoff } from "./backoff.ts"
import { wasCut, type FetchRequest, type RecordSource } from "./record-source.ts"

export interface TailOptions {
  readonly source: RecordSource
  readonly topic: Topic
  /** By partition. */
  readonly from: readonly number[]
  readonly onRecords: (records: readonly LogRecord[]) => void
  /** Told of every read that failed, and is tried again. */
  readonly onError: (error: unknown) => void
  /** Told when it is closed; default nobody. */
  readonly onEnd?: () => void
}

/** Hands over what comes, by one request at a time for all partitions that may have records; see `LogReader.tail`. */
export class PullTail implements Tail {
  readonly #options: TailOptions
  readonly #stopped = new AbortController()
  readonly #unsubscribe: () => void
  readonly #backoff = new Backoff()
  readonly #positions: number[]
  /** Partitions that may have records that were not read yet. */
  readonly #due: Set<number>
  #running: Promise<void> | undefined

  constructor(options: TailOptions) {
    this.#options = options
    this.#positions = [...options.from]
    this.#due = new Set(this.#positions.keys())
    this.#unsubscribe = options.source.onAppended((topic, partitions = new Set(this.#positions.keys())) => {
      if (topic !== options.topic) return
      for (const partition of partitions) this.#due.add(partition)
      void this.catchUp()
    })
  }

  get positions(): readonly number[] {
    return this.#positions
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
    this.#options.onEnd?.()
  }

  async #run(): Promise<void> {
    while (this.#due.size > 0 && !this.#stopped.signal.aborted) {
      const partitions = [...this.#due]
      // Forgotten before the read, so that a record that arrives during it is not missed.
      this.#due.clear()
      await this.#read(partitions)
    }
    this.#running = undefined
  }

  async #read(partitions: readonly number[]): Promise<void> {
    const requests = partitions.map((partition) => ({
      topic: this.#options.topic,
      partition,
      from: this.#positions[partition] ?? 0,
      records: limits.FETCH_RECORDS_MAX,
      bytes: Math.ceil(limits.FETCH_BYTES_MAX / partitions.length),
    }))
    const answers = await this.#fetch(requests)
    for (const [index, request] of requests.entries()) {
      const records = answers?.[index] ?? []
      if (answers === undefined || wasCut(request, records)) this.#due.add(request.partition)
      const last = records.at(-1)
      if (last === undefined || this.#stopped.signal.aborted) continue
      this.#positions[request.partition] = last.offset + 1
      this.#options.onRecords(records)
    }
  }

  /** Answers undefined when the log is away: following survives that, however long. */
  async #fetch(requests: readonly FetchRequest[]): Promise<readonly (readonly LogRecord[])[] | undefined> {
    try {
      const answers = await this.#options.source.fetch(requests)
      this.#backoff.succeeded()
      return answers
    } catch (error) {
      this.#options.onError(error)
      await this.#backoff.failed(this.#stopped.signal)
      return undefined
    }
  }
}
