import { eventually } from "@posthorn/testkit"
import type { EventLog, GroupHandler, LogRecord, NewRecord, OwnedPartition } from "../event-log.ts"

/** A fresh, empty log with at least four partitions, opened for one test. */
export interface LogFixture {
  readonly log: EventLog
  /** Another client of the same log, as another process would have one. Closed by the fixture. */
  openAnother(): Promise<EventLog>
  /**
   * A further client, and a switch that cuts it off from the log as if its process were stopped: it is not told and cannot say anything.
   * `restore` lets it go on.
   */
  openFragile(): Promise<{ readonly log: EventLog; readonly cutOff: () => Promise<void>; readonly restore: () => Promise<void> }>
  /** Whether giving up a partition waits for `revoked`. */
  readonly drains: boolean
  close(): Promise<void>
}

export const topic = "deliveries"
/** Generous: the machine may be busy, and a dead member costs the session timeout. */
export const patience = { timeoutMs: 30_000 }
export const testTimeoutMs = 120_000

export function text({ value }: { readonly value: Uint8Array }): string {
  return Buffer.from(value).toString()
}

export function record(partition: number, value: string): NewRecord {
  return { topic, partition, key: `key-${partition}`, value: Buffer.from(value) }
}

/** `count` records `prefix-0`, `prefix-1`, … of one partition. */
export function series(partition: number, count: number, prefix = `p${partition}`): readonly NewRecord[] {
  return Array.from({ length: count }, (_, index) => record(partition, `${prefix}-${index}`))
}

/** Everything that a partition holds. */
export async function readAll(log: EventLog, partition: number): Promise<readonly LogRecord[]> {
  const found: LogRecord[] = []
  await log.read([{ topic, partition, from: 0, to: Number.MAX_SAFE_INTEGER }], (records) => found.push(...records))
  return found
}

/** A handler that keeps what it is given, and finishes it when told to. */
export class Recorder implements GroupHandler {
  readonly seen: LogRecord[] = []
  readonly gained: OwnedPartition[] = []
  readonly failures: Error[] = []
  readonly #finishAtOnce: boolean

  constructor(options: { readonly finishAtOnce: boolean }) {
    this.#finishAtOnce = options.finishAtOnce
  }

  async assigned(partition: OwnedPartition): Promise<undefined> {
    this.gained.push(partition)
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    this.seen.push(...records)
    if (this.#finishAtOnce) for (const each of records) partition.finish(each.offset)
  }

  failed(error: Error): void {
    this.failures.push(error)
  }

  /** Texts handed over for a partition, in order. */
  texts(partition: number): readonly string[] {
    return this.seen.filter((each) => each.partition === partition).map(text)
  }

  /** The latest owner's hold on a partition. */
  partition(number: number): OwnedPartition {
    const found = this.gained.findLast((each) => each.partition === number)
    if (found === undefined) throw new Error(`partition ${number} was never gained`)
    return found
  }
}

export async function committed(log: EventLog, group: string, partition: number): Promise<number> {
  const lag = await log.lag(group, [topic])
  return lag.find((each) => each.partition === partition)!.committed
}

export async function committedReaches(log: EventLog, group: string, partition: number, offset: number): Promise<void> {
  await eventually(async () => (await committed(log, group, partition)) === offset, patience)
}
