import { setTimeout as delay } from "node:timers/promises"
import { limits, type Topic } from "@posthorn/core"
import type { LogRecord } from "../event-log.ts"
import { fetchConnection, type FetchConnection, type KafkaConnection, READ_COMMITTED } from "./kafka-client.ts"
import { type KafkaMessage, toLogRecord } from "./kafka-record.ts"

export interface Fetched {
  readonly records: readonly LogRecord[]
  /** Offset to fetch next: past everything fetched, also what is no record of ours; the low mark when retention took what was asked for. */
  readonly next: number
  /** Offset that the next record will get, or one that it had a moment ago just after a leader failed. */
  readonly high: number
}

export interface FetchFrom {
  readonly topic: Topic
  readonly partition: number
  readonly offset: number
  /** How long to wait at the broker when there is nothing. */
  readonly waitMs: number
}

/** Fetches by position over its own connections, outside any group. One fetch at a time. */
export class KafkaReader {
  readonly #connection: FetchConnection
  readonly #nameOf: (topic: Topic) => string
  #connected = false

  constructor(connection: KafkaConnection, nameOf: (topic: Topic) => string) {
    this.#connection = fetchConnection(connection)
    this.#nameOf = nameOf
  }

  /** One try. After an error the next call looks for the leader again. */
  async fetch(from: FetchFrom): Promise<Fetched> {
    const name = this.#nameOf(from.topic)
    try {
      if (!this.#connected) await this.#connection.connect()
      await this.#connection.addTargetTopic(name)
      if (!this.#connected) await this.#connection.refreshMetadata()
      this.#connected = true
      return await this.#fetch(name, from)
    } catch (error) {
      if (isOutOfRange(error)) return { records: [], ...(await this.#ends(name, from)) }
      this.#connected = false
      throw error
    }
  }

  /** `fetch` again until it works, at most for `KAFKA_GIVE_UP_MS`. */
  async fetchPersistently(from: FetchFrom): Promise<Fetched> {
    const deadline = performance.now() + limits.KAFKA_GIVE_UP_MS
    for (let waitMs = 100; ; waitMs = Math.min(2 * waitMs, 1000)) {
      try {
        return await this.fetch(from)
      } catch (error) {
        if (performance.now() > deadline) throw error
        await delay(waitMs)
      }
    }
  }

  async close(): Promise<void> {
    // Nothing can be done about a connection that does not close in order.
    await this.#connection.disconnect().catch(() => undefined)
  }

  async #fetch(name: string, { topic, partition, offset, waitMs }: FetchFrom): Promise<Fetched> {
    const [nodeId] = Object.keys(this.#connection.findLeaderForPartitions(name, [partition]))
    if (nodeId === undefined) throw new Error(`no leader is known for partition ${partition} of ${name}`)
    const broker = await this.#connection.findBroker({ nodeId })
    const { responses } = await broker.fetch({
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: limits.KAFKA_FETCH_BYTES_MAX,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic: name, partitions: [{ partition, fetchOffset: String(offset), maxBytes: limits.KAFKA_FETCH_PARTITION_BYTES_MAX }] }],
    })
    const answer = responses[0]?.partitions[0]
    if (answer === undefined) throw new Error(`partition ${partition} of ${name} was not answered`)
    // A batch is fetched whole, so it may begin before the offset that was asked for.
    const messages = answer.messages.filter((message) => Number(message.offset) >= offset)
    const records = messages
      .filter((message) => message.isControlRecord !== true)
      .map((message: KafkaMessage) => toLogRecord(topic, partition, message))
    const last = messages.at(-1)
    return { records, next: last === undefined ? offset : Number(last.offset) + 1, high: Number(answer.highWatermark) }
  }

  async #ends(name: string, { partition, offset }: FetchFrom): Promise<{ readonly next: number; readonly high: number }> {
    const [low, high] = await Promise.all([this.#end(name, partition, true), this.#end(name, partition, false)])
    // Beyond the end there is nothing to read, and going back would hand records over again.
    return { next: Math.max(offset, low), high }
  }

  async #end(name: string, partition: number, fromBeginning: boolean): Promise<number> {
    const answers = await this.#connection.fetchTopicsOffset([{ topic: name, partitions: [{ partition }], fromBeginning }])
    const offset = answers[0]?.partitions[0]?.offset
    if (offset === undefined) throw new Error(`partition ${partition} of ${name} was not answered`)
    return Number(offset)
  }
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && error.name === "KafkaJSOffsetOutOfRange"
}
