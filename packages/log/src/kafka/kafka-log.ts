import { setTimeout as delay } from "node:timers/promises"
import { limits, TOPIC_FACTS, TOPICS, type Topic } from "@posthorn/core"
import type { Admin } from "kafkajs"
import { AppendBatcher } from "../append-batcher.ts"
import {
  type AppendClass,
  type EventLog,
  type Follower,
  type GroupMember,
  type GroupOptions,
  LogUnavailable,
  type LogRecord,
  type NewRecord,
  type PartitionEnds,
  type PartitionLag,
  type Position,
  type Range,
  type Tail,
} from "../event-log.ts"
import { KafkaAppender } from "./kafka-appender.ts"
import { kafkaClient, type KafkaConnection } from "./kafka-client.ts"
import { KafkaFollower, type FollowOptions } from "./kafka-follower.ts"
import { KafkaGroupMember } from "./kafka-group-member.ts"
import { groupOffsets, topicEnds } from "./kafka-offsets.ts"
import { KafkaReader } from "./kafka-reader.ts"
import { ensureTopics } from "./kafka-topics.ts"

export interface KafkaLogOptions extends KafkaConnection {
  /** Partitions of every topic that has many. Must be what existing topics have. */
  readonly partitions: number
  /** Begins the name of every topic and group of this installation; default `posthorn.`. */
  readonly prefix?: string
  /** Replicas of topics that are created; default 3, or as many as there are brokers. With 3 or more an append needs 2 in sync. */
  readonly replicationFactor?: number
}

/**
 * The event log on Apache Kafka. Creates the topics that are missing; rejects when Kafka cannot be reached within `KAFKA_GIVE_UP_MS`,
 * or when a topic that exists has another number of partitions.
 * Acknowledged means in sync on `min.insync.replicas` brokers. A fault can leave a record in the log twice.
 */
export async function createKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const log = new KafkaLog(options)
  try {
    await log.open()
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

class KafkaLog implements EventLog {
  readonly #options: KafkaLogOptions
  readonly #prefix: string
  readonly #topics: ReadonlyMap<string, Topic>
  readonly #admin: Admin
  readonly #appender: KafkaAppender
  readonly #batcher: AppendBatcher
  readonly #members = new Set<KafkaGroupMember>()
  readonly #followers = new Set<KafkaFollower>()

  constructor(options: KafkaLogOptions) {
    this.#options = options
    this.#prefix = options.prefix ?? "posthorn."
    this.#topics = new Map(TOPICS.map((topic) => [this.#nameOf(topic), topic]))
    const kafka = kafkaClient(options)
    this.#admin = kafka.admin()
    this.#appender = new KafkaAppender(kafka, this.#nameOf)
    this.#batcher = new AppendBatcher({ write: (records) => this.#appender.write(records), partitions: (topic) => this.partitions(topic) })
  }

  async open(): Promise<void> {
    const { replicationFactor } = this.#options
    await unavailable("Kafka cannot be reached", this.#admin.connect())
    await ensureTopics(this.#admin, {
      nameOf: this.#nameOf,
      partitionsOf: (topic) => this.partitions(topic),
      ...(replicationFactor === undefined ? {} : { replicationFactor }),
    })
  }

  append(records: readonly NewRecord[], appendClass?: AppendClass): Promise<readonly Position[]> {
    return this.#batcher.append(records, appendClass)
  }

  partitions(topic: Topic): number {
    return TOPIC_FACTS[topic].partitions === "one" ? 1 : this.#options.partitions
  }

  ends(topic: Topic): Promise<readonly PartitionEnds[]> {
    return unavailable(`the ends of ${topic} are not known`, topicEnds(this.#admin, this.#nameOf(topic)))
  }

  async offsetAt(topic: Topic, partition: number, timeMs: number): Promise<number> {
    const found = await unavailable(
      `no offset for a time of ${topic}`,
      this.#admin.fetchTopicOffsetsByTimestamp(this.#nameOf(topic), timeMs),
    )
    return Number(found.find((each) => each.partition === partition)?.offset)
  }

  async read(ranges: readonly Range[], onRecords: (records: readonly LogRecord[]) => void): Promise<void> {
    const reader = new KafkaReader(this.#options, this.#nameOf)
    try {
      for (const { topic, partition, from, to } of ranges) {
        for (let offset = from, high = to; offset < Math.min(to, high);) {
          const fetched = await unavailable(`${topic} cannot be read`, reader.fetchPersistently({ topic, partition, offset, waitMs: 0 }))
          const wanted = fetched.records.filter((record) => record.offset < to)
          if (wanted.length > 0) onRecords(wanted)
          offset = fetched.next
          high = fetched.high
        }
      }
    } finally {
      await reader.close()
    }
  }

  async follow(topic: Topic, from: number, onRecords: (records: readonly LogRecord[]) => void): Promise<Follower> {
    const [end] = await this.ends(topic)
    const follower = this.#follower({ topic, partition: 0, from, high: end?.high ?? 0, onRecords })
    await follower.caughtUp()
    return follower
  }

  /** A connection for each partition: a fetch waits at the broker until there is something, and one that waits holds up those behind it. */
  async tail(topic: Topic, from: readonly number[], onRecords: (records: readonly LogRecord[]) => void): Promise<Tail> {
    const followers = from.map((offset, partition) => this.#follower({ topic, partition, from: offset, high: offset, onRecords }))
    return {
      get positions() {
        return followers.map(({ position }) => position)
      },
      close: async () => {
        await Promise.all(followers.map((follower) => follower.close()))
      },
    }
  }

  #follower(what: Pick<FollowOptions, "topic" | "partition" | "from" | "high" | "onRecords">): KafkaFollower {
    const reader = new KafkaReader(this.#options, this.#nameOf)
    const onEnd = () => void this.#followers.delete(follower)
    const follower = new KafkaFollower({ ...what, reader, onError: this.#report, onEnd })
    this.#followers.add(follower)
    return follower
  }

  async join(options: GroupOptions): Promise<GroupMember> {
    const member = new KafkaGroupMember({
      ...options,
      group: this.#prefix + options.group,
      kafka: kafkaClient(this.#options),
      admin: this.#admin,
      nameOf: this.#nameOf,
      topicOf: this.#topicOf,
      onError: this.#report,
      onEnd: () => void this.#members.delete(member),
    })
    this.#members.add(member)
    await member.join()
    return member
  }

  async lag(group: string, topics: readonly Topic[]): Promise<readonly PartitionLag[]> {
    const found = topics.map(async (topic) => {
      const partitions = await groupOffsets(this.#admin, this.#prefix + group, this.#nameOf(topic))
      return partitions.map(({ partition, committed, low, high }) => ({
        topic,
        partition,
        committed: Math.max(committed ?? low, low),
        high,
      }))
    })
    return (await unavailable(`the lag of ${group} is not known`, Promise.all(found))).flat()
  }

  async trim(topic: Topic, partition: number, before: number): Promise<void> {
    const remove = async () =>
      this.#admin.deleteTopicRecords({ topic: this.#nameOf(topic), partitions: [{ partition, offset: String(before) }] })
    // The client looks for the leader before it has loaded what it needs for that, so its first call fails.
    await unavailable(
      `${topic} cannot be trimmed`,
      remove().catch(() => remove()),
    )
  }

  async ping(): Promise<void> {
    const answered = new AbortController()
    const late = delay(limits.KAFKA_REQUEST_TIMEOUT_MS, undefined, { signal: answered.signal }).then(() => {
      throw new Error("no answer in time")
    })
    late.catch(() => undefined)
    await unavailable("Kafka does not answer", Promise.race([this.#admin.describeCluster(), late])).finally(() => answered.abort())
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#batcher.close(),
      ...[...this.#members].map((member) => member.leave()),
      ...[...this.#followers].map((follower) => follower.close()),
    ])
    await this.#appender.close()
    await this.#admin.disconnect().catch(this.#report)
  }

  readonly #nameOf = (topic: Topic): string => this.#prefix + topic

  readonly #topicOf = (name: string): Topic => {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw new Error(`no topic of ours: ${name}`)
    return topic
  }

  readonly #report = (error: unknown): void => this.#options.onError?.(error instanceof Error ? error : new Error(String(error)))
}

/** For calls that append nothing. */
async function unavailable<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw new LogUnavailable(what, "refused", error)
  }
}
