import { assert, limits, partitionOf, type Topic } from "@posthorn/core"
import { LogUnavailable, type AppendClass, type NewRecord, type Position } from "./event-log.ts"

/** A record whose partition is known. */
export interface PlacedRecord extends NewRecord {
  readonly partition: number
}

export interface AppendBatcherOptions {
  /**
   * Makes a batch durable and answers positions in the order of its records. A rejection with `LogUnavailable` is passed on as it is,
   * any other means that the outcome is unknown. Must settle by itself in the end: the next batch waits for it.
   */
  readonly write: (records: readonly PlacedRecord[]) => Promise<readonly Position[]>
  /** How many partitions a topic has. */
  readonly partitions: (topic: Topic) => number
  /** Milliseconds until a caller is told that the outcome is unknown; default `APPEND_TIMEOUT_MS`. */
  readonly timeoutMs?: number
}

interface Call {
  readonly deadlineMs: number
  readonly positions: Position[]
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: LogUnavailable) => void
  left: number
  sent: boolean
  settled: boolean
}

interface Waiting {
  readonly call: Call
  /** Place in the call. */
  readonly index: number
  readonly record: PlacedRecord
  readonly bytes: number
}

export function recordBytes(record: { readonly key: string; readonly value: Uint8Array }): number {
  return record.key.length + record.value.byteLength
}

/** One write's worth, while it is put together. */
interface Batch {
  readonly waiting: Waiting[]
  bytes: number
}

/** Of a write's records, at least this share is for the lower class when it has so much. */
const BULK_SHARE = 0.1

/**
 * Turns many small appends into few writes. One write is in flight; what arrives meanwhile goes together in the next one, without
 * a timer. Batches keep to `APPEND_RECORDS_MAX` and `APPEND_BYTES_MAX`, so a large call may span several writes; the lower class keeps to
 * `APPEND_BULK_RECORDS_MAX` of each, so that what is live never waits long behind it. More than `APPEND_WAITING_BYTES_MAX` waiting, half
 * of it in the lower class: callers are refused at once.
 */
export class AppendBatcher {
  readonly #write: AppendBatcherOptions["write"]
  readonly #partitions: AppendBatcherOptions["partitions"]
  readonly #timeoutMs: number
  readonly #queues: Record<AppendClass, Waiting[]> = { live: [], bulk: [] }
  /** Calls in order of arrival, so of deadline. */
  readonly #calls = new Set<Call>()
  #bytes = 0
  #running = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  readonly #onIdle: (() => void)[] = []

  constructor(options: AppendBatcherOptions) {
    this.#write = options.write
    this.#partitions = options.partitions
    this.#timeoutMs = options.timeoutMs ?? limits.APPEND_TIMEOUT_MS
  }

  /** See `LogAppender.append`. A record larger than `RECORD_BYTES_MAX` is a programmer's mistake. */
  append(records: readonly NewRecord[], appendClass: AppendClass = "live"): Promise<readonly Position[]> {
    if (records.length === 0) return Promise.resolve([])
    const sizes = records.map(recordBytes)
    assert(
      sizes.every((size) => size <= limits.RECORD_BYTES_MAX),
      "record within RECORD_BYTES_MAX",
    )
    const bytes = sizes.reduce((sum, each) => sum + each, 0)
    if (this.#closed) return Promise.reject(new LogUnavailable("the log is closed", "refused"))
    // A call that is larger than the bound by itself gets its turn when nothing else waits.
    const bytesMax = appendClass === "bulk" ? limits.APPEND_WAITING_BYTES_MAX / 2 : limits.APPEND_WAITING_BYTES_MAX
    if (this.#bytes > 0 && this.#bytes + bytes > bytesMax) {
      return Promise.reject(new LogUnavailable("too much is waiting to be appended", "refused"))
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly Position[]>()
    const deadlineMs = performance.now() + this.#timeoutMs
    const call: Call = {
      deadlineMs,
      positions: new Array(records.length),
      resolve,
      reject,
      left: records.length,
      sent: false,
      settled: false,
    }
    this.#calls.add(call)
    this.#bytes += bytes
    records.forEach((record, index) => {
      const partition = record.partition ?? partitionOf(record.key, this.#partitions(record.topic))
      this.#queues[appendClass].push({ call, index, record: { ...record, partition }, bytes: sizes[index] ?? 0 })
    })
    this.#start()
    return promise
  }

  /** Refuses what comes from now on, and resolves when every earlier call is answered. */
  close(): Promise<void> {
    this.#closed = true
    return this.#running ? new Promise((resolve) => this.#onIdle.push(resolve)) : Promise.resolve()
  }

  #start(): void {
    if (this.#running) return
    this.#running = true
    this.#timer = setTimeout(() => this.#expire(), this.#timeoutMs)
    // All that is appended in this turn of the event loop goes in the first batch.
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      for (const each of batch) each.call.sent = true
      try {
        const positions = await this.#write(batch.map((each) => each.record))
        assert(positions.length === batch.length, "one position for every record")
        for (const [index, position] of positions.entries()) this.#place(batch[index], position)
      } catch (error) {
        for (const call of new Set(batch.map((each) => each.call))) this.#fail(call, error)
      }
      this.#bytes -= batch.reduce((sum, each) => sum + each.bytes, 0)
    }
    this.#running = false
    clearTimeout(this.#timer)
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #take(): readonly Waiting[] {
    const batch: Batch = { waiting: [], bytes: 0 }
    const forBulk = Math.min(this.#queues.bulk.length, Math.floor(limits.APPEND_RECORDS_MAX * BULK_SHARE))
    this.#fill(batch, "live", limits.APPEND_RECORDS_MAX - forBulk)
    this.#fill(batch, "bulk", Math.min(limits.APPEND_RECORDS_MAX, batch.waiting.length + limits.APPEND_BULK_RECORDS_MAX))
    return batch.waiting
  }

  /** Adds to a batch what waits in a class, until it has so many records; what belongs to calls that have failed already is dropped. */
  #fill(batch: Batch, appendClass: AppendClass, recordsMax: number): void {
    const queue = this.#queues[appendClass]
    let taken = 0
    for (const each of queue) {
      if (each.call.settled) {
        this.#bytes -= each.bytes
      } else if (batch.waiting.length >= recordsMax || (batch.waiting.length > 0 && batch.bytes + each.bytes > limits.APPEND_BYTES_MAX)) {
        break
      } else {
        batch.waiting.push(each)
        batch.bytes += each.bytes
      }
      taken++
    }
    queue.splice(0, taken)
  }

  #place(waiting: Waiting | undefined, position: Position): void {
    if (waiting === undefined) return
    const { call, index } = waiting
    call.positions[index] = position
    call.left--
    if (call.left > 0 || call.settled) return
    this.#settle(call)
    call.resolve(call.positions)
  }

  #fail(call: Call, cause: unknown): void {
    if (call.settled) return
    this.#settle(call)
    const partly = call.positions.some((position) => position !== undefined)
    if (cause instanceof LogUnavailable && !(partly && cause.outcome === "refused")) call.reject(cause)
    else call.reject(new LogUnavailable("the append failed", "unknown", cause))
  }

  #settle(call: Call): void {
    call.settled = true
    this.#calls.delete(call)
  }

  /** Calls arrive in order of their deadlines, so one timer for the oldest is enough. */
  #expire(): void {
    const now = performance.now()
    for (const call of this.#calls) {
      if (call.deadlineMs > now) {
        this.#timer = setTimeout(() => this.#expire(), call.deadlineMs - now)
        return
      }
      this.#settle(call)
      call.reject(new LogUnavailable(`not acknowledged within ${this.#timeoutMs} ms`, call.sent ? "unknown" : "refused"))
    }
    this.#timer = setTimeout(() => this.#expire(), this.#timeoutMs)
  }
}
