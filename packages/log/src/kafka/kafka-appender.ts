import { setTimeout as delay } from "node:timers/promises"
import { limits, type Topic } from "@posthorn/core"
import kafkajs, { type Kafka, type Producer, type ProducerBatch, type RecordMetadata } from "kafkajs"
import type { PlacedRecord } from "../append-batcher.ts"
import { LogUnavailable, type Position } from "../event-log.ts"
import { asGiven } from "./kafka-client.ts"

interface Unplaced {
  readonly record: PlacedRecord
  /** Place in the batch. */
  readonly index: number
}

/** Each send tries at most this often; `write` goes on from there, so that it can look at the clock. */
const RETRIES_OF_A_SEND = 2

/**
 * Writes batches so that what is acknowledged is in the log. One write at a time.
 *
 * The client resolves a send although it never sent some of its records, when the leader of their partition fails and another broker that
 * has already answered takes over. So every partition must be found in the response, and what is not is sent again.
 * A producer that gave up is not used again: it would give its sequence numbers to other records, and brokers would take those for
 * copies and drop them.
 * Not guaranteed: a record whose outcome was unknown may appear after records that were appended later.
 */
export class KafkaAppender {
  readonly #kafka: Kafka
  readonly #nameOf: (topic: Topic) => string
  #producer: Producer | undefined

  constructor(kafka: Kafka, nameOf: (topic: Topic) => string) {
    this.#kafka = kafka
    this.#nameOf = nameOf
  }

  /** Resolves with positions in the order of the records. Rejects with `LogUnavailable`, `APPEND_TIMEOUT_MS` and the last try's time later at most. */
  async write(records: readonly PlacedRecord[]): Promise<readonly Position[]> {
    const deadline = performance.now() + limits.APPEND_TIMEOUT_MS
    const positions = new Array<Position>(records.length)
    const producer = await this.#connected()
    let left: readonly Unplaced[] = records.map((record, index) => ({ record, index }))
    let cause: unknown
    for (let waitMs = 100; performance.now() < deadline; waitMs = Math.min(2 * waitMs, 1000)) {
      try {
        left = this.#place(left, await producer.sendBatch(this.#batchOf(left)), positions)
        if (left.length === 0) return positions
      } catch (error) {
        cause = error
        if (!isRetriable(error)) break
      }
      await delay(waitMs)
    }
    await this.#discard()
    throw new LogUnavailable("Kafka did not acknowledge the records", "unknown", cause)
  }

  /** Call it when no write is under way. */
  async close(): Promise<void> {
    await this.#discard()
  }

  async #connected(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    const producer = this.#kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: asGiven,
      metadataMaxAge: limits.KAFKA_METADATA_AGE_MS,
      retry: { retries: RETRIES_OF_A_SEND },
    })
    try {
      await producer.connect()
    } catch (error) {
      await producer.disconnect().catch(() => undefined)
      throw new LogUnavailable("Kafka cannot be reached", "refused", error)
    }
    this.#producer = producer
    return producer
  }

  async #discard(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    // Nothing can be done about a connection that does not close in order.
    await producer?.disconnect().catch(() => undefined)
  }

  #batchOf(unplaced: readonly Unplaced[]): ProducerBatch {
    const byTopic = Map.groupBy(unplaced, ({ record }) => record.topic)
    return {
      acks: -1,
      timeout: limits.KAFKA_REQUEST_TIMEOUT_MS,
      compression: kafkajs.CompressionTypes.None,
      topicMessages: [...byTopic].map(([topic, records]) => ({
        topic: this.#nameOf(topic),
        messages: records.map(({ record }) => ({
          key: record.key,
          value: Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength),
          partition: record.partition,
        })),
      })),
    }
  }

  /** Fills in the positions of what was answered, and gives back the rest. Records of a partition are one batch, so their offsets follow its base. */
  #place(unplaced: readonly Unplaced[], response: readonly RecordMetadata[], positions: Position[]): readonly Unplaced[] {
    const next = new Map(response.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, Number(baseOffset)]))
    return unplaced.filter(({ record: { topic, partition }, index }) => {
      const key = `${this.#nameOf(topic)}/${partition}`
      const offset = next.get(key)
      if (offset === undefined) return true
      positions[index] = { topic, partition, offset }
      next.set(key, offset + 1)
      return false
    })
  }
}

/** The client wraps the error of a last try in one that always says that trying again is of no use. */
function isRetriable(error: unknown): boolean {
  const original = error instanceof kafkajs.KafkaJSNumberOfRetriesExceeded ? error.cause : error
  return original instanceof kafkajs.KafkaJSError && original.retriable
}
