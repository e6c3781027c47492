import { create, toBinary } from "@bufbuild/protobuf"
import { setTimeout as pause } from "node:timers/promises"
import { limits } from "@posthorn/core"
import { decode, poisonLetter, type LogReader, type LogRecord, type LogTrimmer, type NewRecord, type OwnedPartition } from "@posthorn/log"
import { DeliveryDueSchema, ParkedRecordSchema, type DeliveryDue } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import type { DeliveryEvents } from "../events.ts"
import type { SureAppender } from "../sure-appender.ts"

export interface ParkingOptions {
  readonly log: LogReader & LogTrimmer
  readonly appender: SureAppender
  readonly clock: Clock
  readonly events: DeliveryEvents
  /** Whether a subscription's backlog has to wait. */
  readonly isPaused: (subscriptionId: string) => boolean
  /** How many tries of a subscription wait in its lane. */
  readonly waiting: (subscriptionId: string) => number
  readonly failed: (error: Error) => void
}

/** Offsets of a subscription's first and last parked try that is not released. */
interface Backlog {
  first: number
  last: number
}

interface Lot {
  readonly backlogs: Map<string, Backlog>
  /** Up to here the partition had been written when it was gained: before that is read, what was released is not known. */
  readonly knownFrom: number
  /** One past the last record taken in. */
  position: number
  trimmedTo: number
  /** Offsets of records that nobody can read and that are not in the dead letters yet. */
  readonly burying: Set<number>
  releasing: Promise<void> | undefined
}

/** From one portion to the next, so that the lane shows what it makes of one before the next comes. */
const PORTION_MS = 250

/**
 * Keeps the backlog of paused subscriptions in `parked`, and releases it into `deliveries.bulk` when they are resumed (or disabled or
 * deleted: the worker then cancels it). What is released is noted in the same partition, portion by portion: a crash releases at most
 * `RELEASE_RECORDS` again. What is still needed is read anew by whoever gains the partition; the rest is trimmed.
 */
export class Parking {
  readonly #options: ParkingOptions
  readonly #lots = new Map<OwnedPartition, Lot>()

  constructor(options: ParkingOptions) {
    this.#options = options
  }

  /** Answers where to read from: the beginning of what is kept. */
  async assigned(partition: OwnedPartition): Promise<number> {
    const { low = 0, high = 0 } = (await this.#options.log.ends("parked"))[partition.partition] ?? {}
    this.#lots.set(partition, {
      backlogs: new Map(),
      knownFrom: high,
      position: low,
      trimmedTo: low,
      burying: new Set(),
      releasing: undefined,
    })
    return low
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    const lot = this.#lots.get(partition)
    if (lot === undefined) return
    for (const record of records) {
      if (takeIn(lot, record)) partition.finish(record.offset)
      else void this.#guarded(partition, this.#bury(partition, lot, record))
      lot.position = record.offset + 1
    }
    this.#release(partition, lot)
  }

  async revoked(partition: OwnedPartition): Promise<void> {
    const lot = this.#lots.get(partition)
    this.#lots.delete(partition)
    await lot?.releasing
  }

  /** A subscription was resumed, disabled or deleted. */
  changed(): void {
    for (const [partition, lot] of this.#lots) this.#release(partition, lot)
  }

  /** Lets the log forget what is released. */
  async trim(): Promise<void> {
    for (const [partition, lot] of this.#lots) {
      if (lot.position < lot.knownFrom) continue
      const needed = firstNeeded(lot)
      if (needed <= lot.trimmedTo || partition.signal.aborted) continue
      await this.#options.log.trim("parked", partition.partition, needed)
      lot.trimmedTo = needed
    }
  }

  #release(partition: OwnedPartition, lot: Lot): void {
    if (lot.releasing || lot.position < lot.knownFrom || partition.signal.aborted) return
    const next = this.#nextReleased(lot)
    if (next === undefined) return
    lot.releasing = this.#guarded(partition, this.#releaseOne(partition, lot, next)).finally(() => {
      lot.releasing = undefined
      this.#release(partition, lot)
    })
  }

  #nextReleased({ backlogs }: Lot): string | undefined {
    for (const id of backlogs.keys()) if (!this.#options.isPaused(id)) return id
    return undefined
  }

  async #releaseOne(partition: OwnedPartition, lot: Lot, subscriptionId: string): Promise<void> {
    const { appender, events, isPaused, waiting } = this.#options
    for (let backlog = lot.backlogs.get(subscriptionId); backlog !== undefined; backlog = lot.backlogs.get(subscriptionId)) {
      while (waiting(subscriptionId) >= limits.LANE_RECORDS_MAX) await pause(PORTION_MS, undefined, { signal: partition.signal })
      if (isPaused(subscriptionId) || partition.signal.aborted) return
      const before = Math.min(backlog.first + limits.RELEASE_RECORDS, backlog.last + 1)
      const dues = await this.#parkedBetween(partition, subscriptionId, { from: backlog.first, to: before })
      // Where only others have parked there is nothing to note.
      if (dues.length > 0) {
        await appender.append(dues.map(bulkRecord), partition.signal, "bulk")
        const released = create(ParkedRecordSchema, { record: { case: "released", value: { subscriptionId, before: BigInt(before) } } })
        await appender.append([parkedRecord(subscriptionId, released)], partition.signal)
        events.triesReleased(dues.length)
        await pause(PORTION_MS, undefined, { signal: partition.signal })
      }
      forget(lot, subscriptionId, before)
    }
  }

  async #parkedBetween(
    { partition }: OwnedPartition,
    subscriptionId: string,
    { from, to }: { readonly from: number; readonly to: number },
  ): Promise<DeliveryDue[]> {
    const dues: DeliveryDue[] = []
    await this.#options.log.read([{ topic: "parked", partition, from, to }], (records) => {
      for (const { key, value } of records) {
        const record = key === subscriptionId ? decode(ParkedRecordSchema, value)?.record : undefined
        if (record?.case === "due") dues.push(record.value)
      }
    })
    return dues
  }

  async #bury(partition: OwnedPartition, lot: Lot, record: LogRecord): Promise<void> {
    const { appender, clock, events } = this.#options
    lot.burying.add(record.offset)
    await appender.append([poisonLetter(record, "is not a parked try", clock.nowMs())], partition.signal)
    events.poisonFound(record)
    lot.burying.delete(record.offset)
    partition.finish(record.offset)
  }

  #guarded(partition: OwnedPartition, work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => void (partition.signal.aborted || this.#options.failed(error as Error)))
  }
}

/** What parks a try. */
export const parkRecord = (due: DeliveryDue): NewRecord =>
  parkedRecord(due.subscriptionId, create(ParkedRecordSchema, { record: { case: "due", value: due } }))

const parkedRecord = (key: string, record: ReturnType<typeof create<typeof ParkedRecordSchema>>): NewRecord => ({
  topic: "parked",
  key,
  value: toBinary(ParkedRecordSchema, record),
})

const bulkRecord = (due: DeliveryDue): NewRecord => ({
  topic: "deliveries.bulk",
  key: due.subscriptionId,
  value: toBinary(DeliveryDueSchema, create(DeliveryDueSchema, { ...due, bulk: true })),
})

/** False: nobody can read it. */
function takeIn(lot: Lot, { offset, value }: LogRecord): boolean {
  const record = decode(ParkedRecordSchema, value)?.record
  if (record?.case === "released") forget(lot, record.value.subscriptionId, Number(record.value.before))
  if (record?.case === "due" && record.value.deliveryId !== "" && record.value.event !== undefined) {
    const backlog = lot.backlogs.get(record.value.subscriptionId)
    if (backlog === undefined) lot.backlogs.set(record.value.subscriptionId, { first: offset, last: offset })
    else backlog.last = offset
    return true
  }
  return record?.case === "released"
}

/** The first offset that is still to be released or buried. */
function firstNeeded({ position, burying, backlogs }: Lot): number {
  let needed = position
  for (const offset of burying) needed = Math.min(needed, offset)
  for (const { first } of backlogs.values()) needed = Math.min(needed, first)
  return needed
}

function forget(lot: Lot, subscriptionId: string, before: number): void {
  const backlog = lot.backlogs.get(subscriptionId)
  if (backlog === undefined) return
  if (backlog.last < before) lot.backlogs.delete(subscriptionId)
  else backlog.first = Math.max(backlog.first, before)
}
