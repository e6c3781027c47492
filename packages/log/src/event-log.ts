import type { Topic } from "@posthorn/core"

/** A record to append. Its partition is `partitionOf(key)` unless given. */
export interface NewRecord {
  readonly topic: Topic
  readonly key: string
  readonly value: Uint8Array
  readonly partition?: number
}

/** Where a record is. Offsets of a partition grow; they may have holes. */
export interface Position {
  readonly topic: Topic
  readonly partition: number
  readonly offset: number
}

export interface LogRecord extends Position {
  readonly key: string
  /** Bytes as appended. A topic that others write to may hold an empty value. */
  readonly value: Uint8Array
  /** Unix time in milliseconds at which the log took the record, by the log's clock. */
  readonly appendedAtMs: number
}

/** `live` goes first, `bulk` gets what live appends leave, and at least a tenth: it may take long, and holds nobody up. */
export type AppendClass = "live" | "bulk"

/** Puts records into the log. */
export interface LogAppender {
  /**
   * Resolves once every record is durable on every in-sync replica, with positions in the order of `records`.
   * Records of one call and one partition stay in order and follow those of earlier calls that are acknowledged.
   * Rejects with `LogUnavailable`: with `outcome: "refused"` nothing is in the log; with `"unknown"` any part of it may be.
   * Not guaranteed: atomicity. A crash can leave some of the records in the log and others not.
   */
  append(records: readonly NewRecord[], appendClass?: AppendClass): Promise<readonly Position[]>
}

export interface Range {
  readonly topic: Topic
  readonly partition: number
  /** First offset to read. */
  readonly from: number
  /** First offset not to read. */
  readonly to: number
}

export interface PartitionEnds {
  readonly partition: number
  /** Offset of the oldest record kept. */
  readonly low: number
  /** Offset that the next record will get. */
  readonly high: number
}

/** Reads records by position, outside any group. */
export interface LogReader {
  /** How many partitions a topic has. */
  partitions(topic: Topic): number
  /** Low and high offsets of every partition, by partition number. */
  ends(topic: Topic): Promise<readonly PartitionEnds[]>
  /** The first offset whose record was appended at or after that time; `high` when there is none. May be earlier than exact, never later. */
  offsetAt(topic: Topic, partition: number, timeMs: number): Promise<number>
  /** Hands over the records of every range in order of offset within each range, and resolves at the end. What retention took is left out. */
  read(ranges: readonly Range[], onRecords: (records: readonly LogRecord[]) => void): Promise<void>
  /**
   * Hands over every record of a one-partition topic from an offset on, as they come, for ever.
   * Resolves once all that was there at the call has been handed over. Survives a log that is away for a time.
   */
  follow(topic: Topic, from: number, onRecords: (records: readonly LogRecord[]) => void): Promise<Follower>
  /**
   * Hands over every record of all partitions of a topic, from an offset of each on, as they come, for ever; of one partition in order. It is in no group:
   * nobody else gets fewer records for it. Resolves without waiting for any. Survives a log that is away for a time.
   */
  tail(topic: Topic, from: readonly number[], onRecords: (records: readonly LogRecord[]) => void): Promise<Tail>
}

export interface Tail {
  /** Offset of the next record to be handed over, by partition. */
  readonly positions: readonly number[]
  close(): Promise<void>
}

export interface Follower {
  /** Offset of the next record to be handed over. */
  readonly position: number
  close(): Promise<void>
}

/** A partition while this member owns it. A partition that is lost and comes back is a new `OwnedPartition`. */
export interface OwnedPartition {
  readonly topic: Topic
  readonly partition: number
  /** Aborted when the partition is lost or the member leaves: start nothing new for it. */
  readonly signal: AbortSignal
  /**
   * Says that a record needs no more work. The committed offset advances over the unbroken run of finished records,
   * in the order in which they were handed over. Finishing a record twice, or after the partition was lost, does nothing.
   */
  finish(offset: number): void
  /** Forgets what was handed over and hands over again from this offset. */
  seek(offset: number): void
}

export interface GroupHandler {
  /**
   * Called when a partition is gained, before any of its records: `committed` is where reading will start.
   * May answer another offset to start from. Records wait until it resolves. Rejecting is treated as a lost member.
   */
  assigned?(partition: OwnedPartition, committed: number): Promise<number | undefined>
  /** Takes records to work on. Must return at once and never throw; work ends with `partition.finish`. */
  records(partition: OwnedPartition, records: readonly LogRecord[]): void
  /** Called when a partition is given up; where the log lets us, giving up waits for it, at most `REVOKE_DRAIN_MS`. */
  revoked?(partition: OwnedPartition): Promise<void>
  /** The member is dead and will not come back by itself: the process should end. */
  failed(error: Error): void
}

export interface GroupOptions {
  /** Without the installation's prefix. Members of one group share the partitions of its topics. */
  readonly group: string
  readonly topics: readonly Topic[]
  readonly handler: GroupHandler
  /** What a topic's partitions may have handed over and not finished; absent = all as by default. */
  readonly window?: (topic: Topic) => Window
}

/** How much of a partition may be handed over and not finished. One record may always go over the bytes. */
export interface Window {
  /** Default `WINDOW_RECORDS_MAX`. */
  readonly records?: number
  /** Default `WINDOW_BYTES_MAX`. */
  readonly bytes?: number
}

export interface GroupMember {
  /** Unix time in milliseconds at which this member last heard from the log. */
  readonly lastContactMs: number
  /** Partitions owned now. */
  owned(): readonly OwnedPartition[]
  /** Gives up every partition (see `revoked`), commits what is finished, and leaves. */
  leave(): Promise<void>
}

export interface PartitionLag {
  readonly topic: Topic
  readonly partition: number
  /** The next offset that the group will read after a restart; the partition's low offset when it never committed. */
  readonly committed: number
  readonly high: number
}

/**
 * Shares the work on topics between the members of a group, in this process and others. A record is handed over at least once.
 * A partition number belongs to one member for all of the group's topics, so that one key has one owner.
 */
export interface LogGroups {
  join(options: GroupOptions): Promise<GroupMember>
  lag(group: string, topics: readonly Topic[]): Promise<readonly PartitionLag[]>
}

/** Frees space. */
export interface LogTrimmer {
  /** Lets the log forget records before an offset. They may stay for a while. */
  trim(topic: Topic, partition: number, before: number): Promise<void>
}

/** The event log: the truth of Posthorn. All adapters pass `log-conformance`. */
export interface EventLog extends LogAppender, LogReader, LogGroups, LogTrimmer {
  /** Resolves when the log answers; rejects with `LogUnavailable`. */
  ping(): Promise<void>
  /** Ends every member, follower and connection. Appends that are under way are waited for. */
  close(): Promise<void>
}

/** The log cannot be reached, or did not acknowledge in time. */
export class LogUnavailable extends Error {
  override readonly name = "LogUnavailable"
  /** `refused`: nothing was appended. `unknown`: anything may have been. */
  readonly outcome: "refused" | "unknown"

  constructor(message: string, outcome: "refused" | "unknown", cause?: unknown) {
    super(message, { cause })
    this.outcome = outcome
  }
}
