import { setTimeout as delay } from "node:timers/promises"
import { limits, type Topic } from "@posthorn/core"
import type { Admin, Consumer, EachBatchPayload, Kafka } from "kafkajs"
import { type GroupMember, type GroupOptions, LogUnavailable, type OwnedPartition } from "../event-log.ts"
import { PartitionSession } from "../partition-session.ts"
import { type GroupOffsets, groupOffsets } from "./kafka-offsets.ts"
import { toLogRecord } from "./kafka-record.ts"
import { partitionAssigner } from "./partition-assigner.ts"
import { withinRoom } from "./within-room.ts"

export interface KafkaGroupOptions extends GroupOptions {
  /** This member's alone. */
  readonly kafka: Kafka
  readonly admin: Admin
  readonly nameOf: (topic: Topic) => string
  readonly topicOf: (name: string) => Topic
  readonly onError: (error: unknown) => void
  /** The member is no more. */
  readonly onEnd: () => void
}

interface Owned {
  readonly session: PartitionSession
  /** As the brokers have it; undefined when there is none. */
  committed: number | undefined
}

interface Assigned {
  readonly topic: Topic
  readonly partition: number
}

/** After this many errors the client starts anew and looks for the group's coordinator, which it does at no other time. */
const RETRIES = 2

/** Until a client that gave up is started again. */
const RESTART_MS = 500

const keyOf = ({ topic, partition }: Assigned): string => `${topic}/${partition}`

/**
 * A member of a Kafka group. Rebalances are eager: everybody gives up everything and is assigned anew, and nothing can be awaited before.
 * A partition that comes back to the same member with the offset that it committed last was nobody else's in between, and goes on where it was.
 */
export class KafkaGroupMember implements GroupMember {
  readonly #options: KafkaGroupOptions
  readonly #consumer: Consumer
  readonly #partitions = new Map<string, Owned>()
  readonly #joined = Promise.withResolvers<void>()
  #memberId = ""
  /** Counts assignments, so that what one began stops when the next is there. */
  #assignment = 0
  /** The current assignment is in place: partitions may be resumed and moved. */
  #placed = false
  #leaving: Promise<void> | undefined
  #ended = false
  #lastContactMs = Date.now()
  /** The client's public commit tries again by itself, and would then commit for a later generation; the one handed to batches does not. */
  #commit: EachBatchPayload["commitOffsetsIfNecessary"] | undefined
  #committing: Promise<void> | undefined
  #commitTimer: NodeJS.Timeout | undefined

  constructor(options: KafkaGroupOptions) {
    this.#options = options
    this.#consumer = options.kafka.consumer({
      groupId: options.group,
      sessionTimeout: limits.SESSION_TIMEOUT_MS,
      rebalanceTimeout: 2 * limits.SESSION_TIMEOUT_MS,
      heartbeatInterval: limits.HEARTBEAT_INTERVAL_MS,
      minBytes: 1,
      maxWaitTimeInMs: limits.KAFKA_FETCH_WAIT_MS,
      maxBytesPerPartition: limits.KAFKA_FETCH_PARTITION_BYTES_MAX,
      maxBytes: limits.KAFKA_FETCH_BYTES_MAX,
      metadataMaxAge: limits.KAFKA_METADATA_AGE_MS,
      allowAutoTopicCreation: false,
      retry: { retries: RETRIES },
      partitionAssigners: [partitionAssigner(() => [...new Set(this.owned().map(({ partition }) => partition))])],
    })
    // Only `join` waits for it, and not after it has joined.
    this.#joined.promise.catch(() => undefined)
    this.#listen()
  }

  /** Resolves once partitions are assigned and read. Rejects with `LogUnavailable` when that takes longer than `KAFKA_GIVE_UP_MS`. */
  async join(): Promise<void> {
    const { topics, nameOf, group } = this.#options
    const late = new AbortController()
    const giveUp = delay(limits.KAFKA_GIVE_UP_MS, undefined, { signal: late.signal }).then(() => {
      throw new LogUnavailable(`could not join the group ${group}`, "refused")
    })
    giveUp.catch(() => undefined)
    try {
      await this.#consumer.connect()
      await this.#consumer.subscribe({ topics: topics.map(nameOf), fromBeginning: true })
      await this.#run()
      await Promise.race([this.#joined.promise, giveUp])
    } catch (error) {
      await this.#end()
      throw error instanceof LogUnavailable ? error : new LogUnavailable(`could not join the group ${group}`, "refused", error)
    } finally {
      late.abort()
    }
    if (!this.#ended) this.#commitTimer = setInterval(() => void this.#commitFinished(), limits.COMMIT_INTERVAL_MS)
  }

  get lastContactMs(): number {
    return this.#lastContactMs
  }

  owned(): readonly OwnedPartition[] {
    return [...this.#partitions.values()].map(({ session }) => session)
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map(({ session }) => session.revoke()))
    await this.#committing
    await this.#commitFinished()
    await this.#end()
  }

  #listen(): void {
    const { GROUP_JOIN, REBALANCING, HEARTBEAT, STOP, CRASH } = this.#consumer.events
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#assign(payload.memberId, payload.memberAssignment))
    this.#consumer.on(HEARTBEAT, () => this.#contact())
    // Asked before the client joins again, so it still counts for the old generation.
    this.#consumer.on(REBALANCING, () => void this.#commitFinished())
    this.#consumer.on(STOP, () => this.#unplace())
    this.#consumer.on(CRASH, ({ payload }) => {
      // The client has left the group; it starts again as a new member or not at all.
      this.#loseAll()
      if (this.#ended) setImmediate(() => void this.#disconnect())
      else if (!payload.restart) void this.#startAgain(payload.error)
    })
  }

  async #run(): Promise<void> {
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async (batch) => this.#take(batch) })
  }

  /**
   * The client takes errors for final that pass, such as a connection that is reset as soon as it is there: so a member is lost only
   * when it has not been one for `KAFKA_GIVE_UP_MS`.
   */
  async #startAgain(error: Error): Promise<void> {
    if (Date.now() - this.#lastContactMs > limits.KAFKA_GIVE_UP_MS) return this.#fail(error)
    await delay(RESTART_MS)
    // What the client tells in this way, and not as a crash, leaves it neither running nor startable.
    if (!this.#ended) await this.#run().catch((unable: Error) => this.#fail(unable))
  }

  #contact(): void {
    this.#lastContactMs = Date.now()
  }

  #unplace(): void {
    this.#assignment++
    this.#placed = false
  }

  /** Runs inside the client's join, before anything of the new assignment is fetched. */
  #assign(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#contact()
    this.#unplace()
    if (this.#ended) return void this.#disconnect()
    const sameMember = memberId === this.#memberId
    this.#memberId = memberId
    const assigned = Object.entries(assignment).flatMap(([name, partitions]) =>
      partitions.map((partition) => ({ topic: this.#options.topicOf(name), partition })),
    )
    const keys = new Set(assigned.map(keyOf))
    for (const key of this.#partitions.keys()) if (!sameMember || !keys.has(key)) this.#lose(key)
    this.#consumer.pause(Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: [...partitions] })))
    if (this.#leaving === undefined) void this.#place(assigned, this.#assignment)
  }

  async #place(assigned: readonly Assigned[], assignment: number): Promise<void> {
    await this.#committing
    const starts = await this.#starts(assigned, assignment)
    if (starts === undefined || assignment !== this.#assignment) return
    this.#placed = true
    for (const { topic, partition } of assigned) {
      // A handler may fail while it is asked about the one before.
      if (this.#ended) return
      const key = keyOf({ topic, partition })
      const { committed, low } = starts.get(key) ?? { committed: undefined, low: 0 }
      const owned = this.#partitions.get(key)
      if (owned !== undefined && owned.committed === committed) {
        this.#move(owned.session)
        if (!owned.session.full) this.#resume(owned.session)
        continue
      }
      this.#lose(key)
      const session = this.#open({ topic, partition }, Math.max(committed ?? low, low))
      this.#partitions.set(key, { session, committed })
      this.#move(session)
      void session.open()
    }
    this.#joined.resolve()
  }

  #open({ topic, partition }: Assigned, committed: number): PartitionSession {
    const { handler, window } = this.#options
    return new PartitionSession({
      topic,
      partition,
      committed,
      handler,
      window: window?.(topic),
      onRoom: (session) => this.#resume(session),
      onMoved: (session) => this.#move(session),
      onFailed: (error) => this.#fail(error),
    })
  }

  /** Asks until it is answered or the assignment is over. */
  async #starts(assigned: readonly Assigned[], assignment: number): Promise<ReadonlyMap<string, GroupOffsets> | undefined> {
    const { admin, group, nameOf, onError } = this.#options
    const topics = [...new Set(assigned.map(({ topic }) => topic))]
    while (assignment === this.#assignment) {
      try {
        const found = await Promise.all(
          topics.map(async (topic) => {
            const partitions = await groupOffsets(admin, group, nameOf(topic))
            return partitions.map((each) => [keyOf({ topic, partition: each.partition }), each] as const)
          }),
        )
        return new Map(found.flat())
      } catch (error) {
        onError(error)
        await delay(500)
      }
    }
    return undefined
  }

  #take({ batch, resolveOffset, isStale, commitOffsetsIfNecessary }: EachBatchPayload): void {
    this.#commit = commitOffsetsIfNecessary
    const topic = this.#options.topicOf(batch.topic)
    const owned = this.#partitions.get(keyOf({ topic, partition: batch.partition }))
    if (owned === undefined || isStale()) return
    // Who was silent for so long has been replaced, and only does not know it yet.
    if (Date.now() - this.#lastContactMs > limits.SESSION_TIMEOUT_MS) return
    const { session } = owned
    const records = withinRoom(
      batch.messages.map((message) => toLogRecord(topic, batch.partition, message)),
      session.room,
    )
    const last = records.at(-1)
    if (last !== undefined) {
      session.accept(records)
      resolveOffset(records.length === batch.messages.length ? batch.lastOffset() : String(last.offset))
    }
    if (session.full) this.#consumer.pause([{ topic: batch.topic, partitions: [batch.partition] }])
  }

  #resume({ topic, partition }: PartitionSession): void {
    if (this.#placed) this.#consumer.resume([{ topic: this.#options.nameOf(topic), partitions: [partition] }])
  }

  #move({ topic, partition, position }: PartitionSession): void {
    if (this.#placed) this.#consumer.seek({ topic: this.#options.nameOf(topic), partition, offset: String(position) })
  }

  async #commitFinished(): Promise<void> {
    if (this.#committing !== undefined || this.#commit === undefined) return
    const finished = [...this.#partitions.values()].flatMap((owned) => {
      const offset = owned.session.toCommit()
      return offset === undefined ? [] : [{ owned, offset }]
    })
    if (finished.length === 0) return
    const byTopic = Map.groupBy(finished, ({ owned }) => owned.session.topic)
    const topics = [...byTopic].map(([topic, entries]) => ({
      topic: this.#options.nameOf(topic),
      partitions: entries.map(({ owned, offset }) => ({ partition: owned.session.partition, offset: String(offset) })),
    }))
    this.#committing = this.#commit({ topics }).then(
      () => {
        for (const { owned, offset } of finished) {
          owned.committed = offset
          owned.session.committed(offset)
        }
      },
      // What was not committed is tried again with the next; what was lost meanwhile is its new owner's.
      (error: unknown) => this.#options.onError(error),
    )
    await this.#committing
    this.#committing = undefined
  }

  #lose(key: string): void {
    this.#partitions.get(key)?.session.end()
    this.#partitions.delete(key)
  }

  #loseAll(): void {
    for (const key of this.#partitions.keys()) this.#lose(key)
  }

  #fail(error: Error): void {
    if (this.#ended) return
    this.#joined.reject(error)
    void this.#end()
    this.#options.handler.failed(error)
  }

  async #end(): Promise<void> {
    this.#ended = true
    this.#joined.reject(new LogUnavailable("the member has left", "refused"))
    clearInterval(this.#commitTimer)
    this.#loseAll()
    await this.#disconnect()
    this.#options.onEnd()
  }

  async #disconnect(): Promise<void> {
    // A member that cannot say that it leaves is taken out by the session timeout.
    await this.#consumer.disconnect().catch((error: unknown) => this.#options.onError(error))
  }
}
