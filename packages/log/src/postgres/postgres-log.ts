import { assert, limits, type Topic } from "@posthorn/core"
import { AppendBatcher } from "../append-batcher.ts"
import type {
  AppendClass,
  EventLog,
  Follower,
  GroupMember,
  GroupOptions,
  LogRecord,
  NewRecord,
  PartitionEnds,
  PartitionLag,
  Position,
  Range,
  Tail,
} from "../event-log.ts"
import { PullFollower } from "../pull/follower.ts"
import { PullMember } from "../pull/pull-member.ts"
import { readRanges } from "../pull/read-ranges.ts"
import { RecentRecords } from "../pull/recent-records.ts"
import type { AppendListener, RecordSource } from "../pull/record-source.ts"
import { PullTail } from "../pull/tail.ts"
import { appendRecords } from "./append-records.ts"
import { openConnections, unavailable, type Connections } from "./connections.ts"
import { Notices } from "./notices.ts"
import { PostgresMembership, readLag } from "./postgres-membership.ts"
import { fetchRecords, findOffset, readEnds, type ReadOptions } from "./read-records.ts"
import { deleteTrimmed, expire, raiseLow } from "./retention.ts"
import { prepareSchema, type TopicRow } from "./schema.ts"

export interface PostgresLogOptions {
  /** `postgres://user:password@host:port/database`; the user may create a schema. At most eight connections are opened. */
  readonly url: string
  /** Partitions of every topic that has many. Fixed when the schema is created: another number later is refused. */
  readonly partitions: number
  /** Schema that holds the log; default `posthorn_log`. Lower-case letters, digits and underscores. */
  readonly schema?: string
  /** Unix time in milliseconds, for retention alone; default the machine's clock. */
  readonly clock?: () => number
  /** Told of faults in the background that are tried again; default none. */
  readonly onError?: (error: Error) => void
}

/** Opens the log in a Postgres database and creates what is missing there. Rejects with `LogUnavailable` when the database does not answer. */
export async function createPostgresLog(options: PostgresLogOptions): Promise<EventLog> {
  const connections = openConnections(options.url)
  const schema = options.schema ?? "posthorn_log"
  try {
    const topics = await prepareSchema(connections.groups, schema, options.partitions)
    const onError = (error: unknown) => options.onError?.(unavailable(error))
    return new PostgresLog(connections, { schema, topics, clock: options.clock ?? Date.now, onError })
  } catch (error) {
    await connections.end()
    throw error
  }
}

interface Prepared {
  readonly schema: string
  readonly topics: ReadonlyMap<Topic, TopicRow>
  readonly clock: () => number
  readonly onError: (error: unknown) => void
}

class PostgresLog implements EventLog, RecordSource {
  readonly #connections: Connections
  readonly #prepared: Prepared
  readonly #reading: ReadOptions
  readonly #notices: Notices
  readonly #batcher: AppendBatcher
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #recent = new RecentRecords()
  readonly #appendListeners = new Set<AppendListener>()
  readonly #groupListeners = new Map<() => void, string>()
  readonly #members = new Set<PullMember>()
  readonly #followers = new Set<PullFollower | PullTail>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined
  #cleaning: Promise<void> | undefined

  constructor(connections: Connections, prepared: Prepared) {
    this.#connections = connections
    this.#prepared = prepared
    const { schema } = prepared
    const topicId = (topic: Topic) => this.#topic(topic).id
    this.#reading = { pool: connections.reads, schema, topicId }
    this.#notices = new Notices(schema, connections.newClient, {
      appended: (ids) => this.#appended(this.#topicNames(ids)),
      groupChanged: (group) => this.#groupChanged(group),
      onError: prepared.onError,
    })
    const appending = { pool: connections.appends, schema, topicId, notice: (ids: readonly number[]) => this.#notices.appended(ids) }
    this.#batcher = new AppendBatcher({
      partitions: (topic) => this.partitions(topic),
      write: async (records) => {
        const appended = await appendRecords(appending, records).catch((error) => Promise.reject(unavailable(error)))
        this.#recent.add(appended)
        this.#ownAppended(appended)
        return appended.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
      },
    })
    this.#timers = [
      setInterval(() => this.#appended(this.#prepared.topics.keys()), limits.LOG_POLL_INTERVAL_MS),
      setInterval(() => this.#clean(), limits.RETENTION_INTERVAL_MS),
    ]
    this.#notices.start()
    this.#clean()
  }

  append(records: readonly NewRecord[], appendClass?: AppendClass): Promise<readonly Position[]> {
    return this.#batcher.append(records, appendClass)
  }

  partitions(topic: Topic): number {
    return this.#topic(topic).partitions
  }

  ends(topic: Topic): Promise<readonly PartitionEnds[]> {
    return orUnavailable(readEnds(this.#reading, topic))
  }

  offsetAt(topic: Topic, partition: number, timeMs: number): Promise<number> {
    return orUnavailable(findOffset(this.#reading, { topic, partition, timeMs }))
  }

  read(ranges: readonly Range[], onRecords: (records: readonly LogRecord[]) => void): Promise<void> {
    return readRanges(this, ranges, onRecords)
  }

  async follow(topic: Topic, from: number, onRecords: (records: readonly LogRecord[]) => void): Promise<Follower> {
    const follower = new PullFollower({ source: this, topic, from, onRecords, onError: this.#prepared.onError })
    this.#followers.add(follower)
    await follower.catchUp()
    return follower
  }

  async tail(topic: Topic, from: readonly number[], onRecords: (records: readonly LogRecord[]) => void): Promise<Tail> {
    const onEnd = () => void this.#followers.delete(tail)
    const tail = new PullTail({ source: this, topic, from, onRecords, onError: this.#prepared.onError, onEnd })
    this.#followers.add(tail)
    void tail.catchUp()
    return tail
  }

  async join(group: GroupOptions): Promise<GroupMember> {
    const membership = new PostgresMembership({
      pool: this.#connections.groups,
      schema: this.#prepared.schema,
      topicId: this.#reading.topicId,
      group: group.group,
      topics: group.topics,
      notice: this.#notices.groupChanged(group.group),
      changed: () => this.#groupChanged(group.group),
      onChanged: (listener) => {
        this.#groupListeners.set(listener, group.group)
        return () => this.#groupListeners.delete(listener)
      },
    })
    const onLeft = (left: PullMember) => this.#members.delete(left)
    const member = await PullMember.join({ group, membership, source: this, onLeft, onError: this.#prepared.onError })
    this.#members.add(member)
    return member
  }

  lag(group: string, topics: readonly Topic[]): Promise<readonly PartitionLag[]> {
    return orUnavailable(readLag(this.#reading, group, topics))
  }

  /** The records are out of reach at once; their space is freed at the next round of retention. */
  async trim(topic: Topic, partition: number, before: number): Promise<void> {
    await orUnavailable(raiseLow(this.#reading, { topic, partition, before }))
    this.#recent.forget(topic, partition)
  }

  async ping(): Promise<void> {
    await orUnavailable(this.#connections.reads.query("select 1"))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#closing.abort()
    await Promise.all([...this.#members].map((member) => member.leave()))
    await Promise.all([...this.#followers].map((follower) => follower.close()))
    await this.#batcher.close()
    await this.#cleaning
    await Promise.all([this.#notices.stop(), this.#connections.end()])
  }

  /** See `RecordSource`. */
  async fetch(requests: Parameters<RecordSource["fetch"]>[0]): ReturnType<RecordSource["fetch"]> {
    const known = requests.map((request) => this.#recent.read(request))
    const unknown = requests.filter((_, index) => known[index] === undefined)
    if (unknown.length === 0) return known.map((records) => records ?? [])
    const fetched = (await orUnavailable(fetchRecords(this.#reading, unknown))).values()
    return known.map((records) => records ?? fetched.next().value ?? [])
  }

  /** See `RecordSource`. */
  onAppended(listener: AppendListener): () => void {
    this.#appendListeners.add(listener)
    return () => this.#appendListeners.delete(listener)
  }

  #topic(topic: Topic): TopicRow {
    const row = this.#prepared.topics.get(topic)
    assert(row !== undefined, `topic ${topic}`)
    return row
  }

  #topicNames(ids: readonly number[] | undefined): readonly Topic[] {
    return [...this.#prepared.topics].flatMap(([name, { id }]) => (ids === undefined || ids.includes(id) ? [name] : []))
  }

  /** Readers in this process hear at once, and of no more than there is. */
  #ownAppended(positions: readonly Position[]): void {
    for (const [topic, appended] of Map.groupBy(positions, (position) => position.topic)) {
      const partitions = new Set(appended.map(({ partition }) => partition))
      for (const listener of this.#appendListeners) listener(topic, partitions)
    }
  }

  #appended(topics: Iterable<Topic>): void {
    for (const topic of topics) for (const listener of this.#appendListeners) listener(topic)
  }

  #groupChanged(group: string | undefined): void {
    for (const [listener, of] of this.#groupListeners) if (group === undefined || of === group) listener()
  }

  /** Retention and trimming, in the background, one round at a time. */
  #clean(): void {
    this.#cleaning ??= this.#cleanUp().finally(() => (this.#cleaning = undefined))
  }

  async #cleanUp(): Promise<void> {
    try {
      await expire(this.#reading, this.#prepared.clock())
      this.#recent.clear()
      await deleteTrimmed(this.#reading, this.#closing.signal)
    } catch (error) {
      // The next round does what this one did not.
      this.#prepared.onError(error)
    }
  }
}

/** Reading changes nothing, so what failed was refused. */
async function orUnavailable<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return answer.catch((error) => Promise.reject(unavailable(error)))
}
