import { randomUUID } from "node:crypto"
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf"
import { CONFIG_RULES, ConfigTable, limits, restoreConfig, type ConfigCapture } from "@posthorn/core"
import { ConfigSnapshotRecordSchema, type ConfigSnapshotRecord, type SnapshotEnd, type SnapshotEntity } from "@posthorn/proto"
import { decode } from "./codec.ts"
import { LogUnavailable, type LogAppender, type LogReader, type LogRecord, type LogTrimmer } from "./event-log.ts"

const TOPIC = "config.snapshots"
/** Records that are looked through at once for the end of a snapshot. The last one is it, unless a writer is at work or was cut off. */
const SEARCH_RECORDS = 32

/** A table that shows every record of `config` before a position. */
export interface StartingTable {
  readonly table: ConfigTable
  /** The first record of `config` to read. */
  readonly position: number
}

/** The table of the newest snapshot; an empty one at position 0 when there is none that is whole and folded by today's rules. */
export async function newestSnapshot(log: LogReader): Promise<StartingTable> {
  const none = { table: new ConfigTable(), position: 0 }
  try {
    const found = await findEnd(log)
    const [config] = await log.ends("config")
    if (found === undefined || config === undefined || Number(found.end.position) > config.high) return none
    return (await readSnapshot(log, found)) ?? none
  } catch (error) {
    if (error instanceof LogUnavailable) return none // Reading `config` from its beginning waits until the log is there.
    throw error
  }
}

/** Where `config` has to be read from after the newest snapshot; 0 = there is none. Rejects with `LogUnavailable`. */
export async function snapshotPosition(log: LogReader): Promise<number> {
  return Number((await findEnd(log))?.end.position ?? 0)
}

interface FoundEnd {
  readonly offset: number
  readonly snapshotId: string
  readonly end: SnapshotEnd
}

async function findEnd(log: LogReader): Promise<FoundEnd | undefined> {
  const [ends] = await log.ends(TOPIC)
  if (ends === undefined) return undefined
  for (let to = ends.high; to > ends.low; to -= SEARCH_RECORDS) {
    let found: FoundEnd | undefined
    await readRecords(log, { from: Math.max(ends.low, to - SEARCH_RECORDS), to }, ({ snapshotId, part }, { offset }) => {
      if (part.case === "end" && part.value.rules === CONFIG_RULES) found = { offset, snapshotId, end: part.value }
    })
    if (found !== undefined) return found
  }
  return undefined
}

async function readSnapshot(log: LogReader, { offset, snapshotId, end }: FoundEnd): Promise<StartingTable | undefined> {
  const table = new ConfigTable()
  let records = 0
  await readRecords(log, { from: Number(end.firstOffset), to: offset }, (record) => {
    if (record.snapshotId !== snapshotId || record.part.case !== "entities") return
    records++
    for (const entity of record.part.value.entities) restoreConfig(table, entity)
  })
  // Some of it has been trimmed: a newer one is there, or its time was over.
  return records === Number(end.records) ? { table, position: Number(end.position) } : undefined
}

async function readRecords(
  log: LogReader,
  { from, to }: { readonly from: number; readonly to: number },
  take: (record: ConfigSnapshotRecord, at: LogRecord) => void,
): Promise<void> {
  await log.read([{ topic: TOPIC, partition: 0, from, to }], (records) => {
    for (const each of records) {
      const record = decode(ConfigSnapshotRecordSchema, each.value)
      if (record !== undefined) take(record, each)
    }
  })
}

/** What is to be written. */
export interface Captured {
  readonly capture: Pick<ConfigCapture, "take">
  /** The position of the table when the capture began. */
  readonly position: number
}

/**
 * Writes a snapshot in the lower class, and trims what is older. Rejects with `LogUnavailable`, or when it is aborted; what is written by then
 * counts for nothing. Two writers at once do no harm.
 */
export async function writeSnapshot(log: LogAppender & LogTrimmer, { capture, position }: Captured, signal: AbortSignal): Promise<void> {
  const snapshotId = randomUUID()
  const encode = (part: MessageInitShape<typeof ConfigSnapshotRecordSchema>["part"]): Uint8Array =>
    toBinary(ConfigSnapshotRecordSchema, create(ConfigSnapshotRecordSchema, { snapshotId, ...(part && { part }) }))
  const append = async (values: readonly Uint8Array[]): Promise<number | undefined> => {
    const positions = await log.append(
      values.map((value) => ({ topic: TOPIC, key: snapshotId, value })),
      "bulk",
    )
    return positions[0]?.offset
  }
  const recordsOf = (entities: readonly SnapshotEntity[]): readonly Uint8Array[] => {
    const value = encode({ case: "entities", value: { entities: [...entities] } })
    if (value.length <= limits.SNAPSHOT_RECORD_BYTES || entities.length === 1) return [value]
    const half = Math.ceil(entities.length / 2)
    return [...recordsOf(entities.slice(0, half)), ...recordsOf(entities.slice(half))]
  }
  let firstOffset: number | undefined
  let records = 0
  for (;;) {
    signal.throwIfAborted()
    const entities = capture.take(limits.SNAPSHOT_RECORD_ENTITIES)
    if (entities.length === 0) break
    const values = recordsOf(entities)
    const offset = await append(values)
    firstOffset ??= offset
    records += values.length
  }
  if (firstOffset === undefined) return
  const [first, count] = [BigInt(firstOffset), BigInt(records)]
  await append([encode({ case: "end", value: { position: BigInt(position), firstOffset: first, records: count, rules: CONFIG_RULES } })])
  await log.trim(TOPIC, 0, firstOffset)
}
