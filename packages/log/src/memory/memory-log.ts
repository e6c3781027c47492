import { assert, TOPIC_FACTS, TOPICS, type Topic } from "@posthorn/core"
import { AppendBatcher, recordBytes, type PlacedRecord } from "../append-batcher.ts"
import { LogUnavailable, type EventLog, type LogRecord, type PartitionEnds, type PartitionLag, type Position } from "../event-log.ts"
import { PullFollower } from "../pull/follower.ts"
import type { Membership } from "../pull/membership.ts"
import { PullMember } from "../pull/pull-member.ts"
import { readRanges } from "../pull/read-ranges.ts"
import { PullTail } from "../pull/tail.ts"
import type { FetchRequest, RecordSource } from "../pull/record-source.ts"
import { MemoryGroups } from "./memory-groups.ts"

export interface MemoryLogOptions {
  /** Partitions of every topic that has many; default 4. */
  readonly partitions?: number
  /** Unix time in milliseconds; default the machine's clock. */
  readonly clock?: () => number
}

/** A log in this process's memory, for tests: nothing survives the process, and nothing is bounded but by `trim`. */
export interface MemoryLog extends EventLog {
  /**
   * A second client of the same log, as another process would have one.
   * @param hear how it is told what others did; default at once, in their turn of the event loop. May tell it later, in the same order
   */
  another(hear?: (tell: () => void) => void): MemoryLog
  /**
   * Cuts this client off, as if its process had stopped: its members lose their partitions to others at once, and it hears nothing.
   * The function answered ends that.
   */
  cutOff(): () => void
}

interface Partition {
  low: number
  /** Records from `low` on, in order of offset. */
  records: LogRecord[]
  next: number
}

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  return clientOf(new MemoryStore(options.partitions ?? 4, options.clock ?? Date.now))
}

/** What all clients of one log share. */
class MemoryStore {
  readonly groups: MemoryGroups
  readonly #many: number
  readonly #clock: () => number
  readonly #topics = new Map<Topic, readonly Partition[]>()
  readonly #listeners = new Set<(topic: Topic) => void>()

  constructor(many: number, clock: () => number) {
    this.#many = many
    this.#clock = clock
    this.groups = new MemoryGroups(
      (topic) => this.partitions(topic),
      (topic, partition) => this.partition(topic, partition).low,
    )
  }

  partitions(topic: Topic): number {
    return TOPIC_FACTS[topic].partitions === "one" ? 1 : this.#many
  }

  all(topic: Topic): readonly Partition[] {
    const partitions = this.#topics.get(topic) ?? Array.from({ length: this.partitions(topic) }, () => ({ low: 0, records: [], next: 0 }))
    this.#topics.set(topic, partitions)
    return partitions
  }

  partition(topic: Topic, number: number): Partition {
    const partition = this.all(topic)[number]
    assert(partition !== undefined, `partition ${number} of ${topic}`)
    return partition
  }

  append(records: readonly PlacedRecord[]): readonly Position[] {
    const positions = records.map(({ topic, partition, key, value }) => {
      const to = this.partition(topic, partition)
      const record = { topic, partition, offset: to.next++, key, value: Uint8Array.from(value), appendedAtMs: this.#clock() }
      to.records.push(record)
      return { topic, partition, offset: record.offset }
    })
    for (const topic of new Set(records.map((record) => record.topic))) for (const listener of this.#listeners) listener(topic)
    return positions
  }

  fetch({ topic, partition, from, records, bytes }: FetchRequest): readonly LogRecord[] {
    const stored = this.partition(topic, partition)
    const found: LogRecord[] = []
    let total = 0
    for (let index = Math.max(0, from - stored.low); index < stored.records.length; index++) {
      if (found.length >= records || total >= bytes) break
      const record = stored.records[index]
      if (record === undefined) break
      found.push(record)
      total += recordBytes(record)
    }
    return found
  }

  ends(topic: Topic): readonly PartitionEnds[] {
    return this.all(topic).map(({ low, next }, partition) => ({ partition, low, high: next }))
  }

  offsetAt(topic: Topic, partition: number, timeMs: number): number {
    const { records, next } = this.partition(topic, partition)
    return records.find((record) => record.appendedAtMs >= timeMs)?.offset ?? next
  }

  lag(group: string, topic: Topic): readonly PartitionLag[] {
    return this.ends(topic).map(({ partition, high }) => ({
      topic,
      partition,
      committed: this.groups.committed(group, topic, partition),
      high,
    }))
  }

  trim(topic: Topic, partition: number, before: number): void {
    const stored = this.partition(topic, partition)
    const low = Math.min(before, stored.next)
    if (low <= stored.low) return
    stored.records = stored.records.slice(low - stored.low)
    stored.low = low
  }

  onAppended(listener: (topic: Topic) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

function clientOf(store: MemoryStore, hear: (tell: () => void) => void = (tell) => tell()): MemoryLog {
  let reachable = true
  const listeners = new Set<(topic: Topic) => void>()
  const members = new Map<PullMember, () => void>()
  const ifReachable = <Answer>(answer: () => Answer): Answer => {
    if (!reachable) throw new LogUnavailable("cut off", "refused")
    return answer()
  }
  const appended = (topic: Topic): void => {
    if (reachable) for (const listener of listeners) listener(topic)
  }
  const unsubscribe = store.onAppended((topic) => hear(() => appended(topic)))
  const source: RecordSource = {
    fetch: async (requests) => ifReachable(() => requests.map((request) => store.fetch(request))),
    onAppended: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const followers = followersOf(source)
  const batcher = new AppendBatcher({
    partitions: (topic) => store.partitions(topic),
    write: async (records) => ifReachable(() => store.append(records)),
  })
  return {
    append: (records) => batcher.append(records),
    partitions: (topic) => store.partitions(topic),
    ends: async (topic) => ifReachable(() => store.ends(topic)),
    offsetAt: async (topic, partition, timeMs) => ifReachable(() => store.offsetAt(topic, partition, timeMs)),
    read: (ranges, onRecords) => readRanges(source, ranges, onRecords),
    follow: followers.follow,
    tail: followers.tail,
    join: async (group) => {
      const membership = store.groups.membership(group.group, group.topics, () => reachable)
      const onLeft = (member: PullMember) => members.delete(member)
      const heard: Membership = { ...membership, onChanged: (listener) => membership.onChanged(() => hear(listener)) }
      const member = await PullMember.join({ group, membership: heard, source, onLeft, onError: () => undefined })
      members.set(member, membership.evict)
      return member
    },
    lag: async (group, topics) => ifReachable(() => topics.flatMap((topic) => store.lag(group, topic))),
    trim: async (topic, partition, before) => ifReachable(() => store.trim(topic, partition, before)),
    ping: async () => ifReachable(() => undefined),
    close: async () => {
      await Promise.all([...members.keys()].map((member) => member.leave()))
      await followers.close()
      await batcher.close()
      unsubscribe()
    },
    another: (how) => clientOf(store, how),
    cutOff: () => {
      reachable = false
      for (const evict of members.values()) evict()
      return () => {
        reachable = true
        for (const topic of TOPICS) hear(() => appended(topic))
      }
    },
  }
}

/** Those who are handed what comes, outside any group. */
function followersOf(source: RecordSource): Pick<MemoryLog, "follow" | "tail" | "close"> {
  const open = new Set<PullFollower | PullTail>()
  const onError = (): void => undefined
  return {
    follow: async (topic, from, onRecords) => {
      const follower = new PullFollower({ source, topic, from, onRecords, onError })
      open.add(follower)
      await follower.catchUp()
      return follower
    },
    tail: async (topic, from, onRecords) => {
      const tail = new PullTail({ source, topic, from, onRecords, onError, onEnd: () => void open.delete(tail) })
      open.add(tail)
      void tail.catchUp()
      return tail
    },
    close: async () => {
      await Promise.all([...open].map((each) => each.close()))
    },
  }
}
