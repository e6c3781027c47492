/**
 * One column of a batch as a Postgres array in binary form. The driver's text form costs more than the statement itself once batches have
 * thousands of rows, and doubles payload bytes.
 *
 * Form: dimensions (1), whether there are nulls, type of the elements, length, lower bound (1); then each element as its length (-1 = null) and its bytes.
 */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"

interface ElementType {
  readonly oid: number
  /** Of every element, when all have the same. */
  readonly size?: number
}

const BOOLEAN = { oid: 16, size: 1 }
const BYTES = { oid: 17 }
const INT8 = { oid: 20, size: 8 }
const INT4 = { oid: 23, size: 4 }
const TEXT = { oid: 25 }
const FLOAT8 = { oid: 701, size: 8 }
const TIMESTAMPTZ = { oid: 1184, size: 8 }

const HEADER_BYTES = 20
const EPOCH_2000_MS = Date.UTC(2000, 0)

type Cells<T> = readonly (T | undefined)[]

export const textColumn = (cells: Cells<string>): Buffer =>
  variable(
    TEXT,
    cells.map((cell) => (cell === undefined ? undefined : Buffer.from(storable(cell)))),
  )

export const bytesColumn = (cells: Cells<Uint8Array>): Buffer => variable(BYTES, cells)

/** Whole numbers up to 2^53. */
export const bigintColumn = (cells: Cells<number>): Buffer =>
  fixed(INT8, cells, (into, cell, at) => void into.writeBigInt64BE(BigInt(cell), at))

export const integerColumn = (cells: Cells<number>): Buffer => fixed(INT4, cells, (into, cell, at) => void into.writeInt32BE(cell, at))

export const doubleColumn = (cells: Cells<number>): Buffer => fixed(FLOAT8, cells, (into, cell, at) => void into.writeDoubleBE(cell, at))

export const booleanColumn = (cells: Cells<boolean>): Buffer =>
  fixed(BOOLEAN, cells, (into, cell, at) => void into.writeUInt8(cell ? 1 : 0, at))

/** To the millisecond. A time that the database cannot hold is none. */
export const timeColumn = (cells: Cells<Timestamp>): Buffer =>
  fixed(TIMESTAMPTZ, cells.map(storableMs), (into, ms, at) => void into.writeBigInt64BE(BigInt(ms - EPOCH_2000_MS) * 1000n, at))

/** Text that holds JSON; the statement casts it. */
export const jsonColumn = (cells: Cells<unknown>): Buffer =>
  textColumn(cells.map((cell) => (cell === undefined ? undefined : storableJson(JSON.stringify(cell)))))

/** A NUL in JSON is written as an escape, which is one only behind an even number of backslashes. */
const storableJson = (json: string): string =>
  json.includes("\\u0000") ? json.replaceAll(/(?<!\\)((?:\\\\)*)\\u0000/g, "$1\\ufffd") : json

/** Postgres has no place for NUL in a text. What strangers send may hold it, and must not stop the projection. */
export const storable = (text: string): string => (text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text)

const TIME_MS_MAX = Date.UTC(9999, 0)

function storableMs(time: Timestamp | undefined): number | undefined {
  const ms = time === undefined ? undefined : timestampMs(time)
  return ms === undefined || Math.abs(ms) > TIME_MS_MAX ? undefined : ms
}

function variable(type: ElementType, cells: Cells<Uint8Array>): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + cells.reduce((sum, cell) => sum + 4 + (cell?.length ?? 0), 0))
  writeHeader(buffer, type, cells)
  let at = HEADER_BYTES
  for (const cell of cells) {
    at = buffer.writeInt32BE(cell?.length ?? -1, at)
    if (cell === undefined) continue
    buffer.set(cell, at)
    at += cell.length
  }
  return buffer
}

function fixed<T>(type: ElementType & { size: number }, cells: Cells<T>, write: (into: Buffer, cell: T, at: number) => void): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + cells.reduce((sum, cell) => sum + 4 + (cell === undefined ? 0 : type.size), 0))
  writeHeader(buffer, type, cells)
  let at = HEADER_BYTES
  for (const cell of cells) {
    at = buffer.writeInt32BE(cell === undefined ? -1 : type.size, at)
    if (cell === undefined) continue
    write(buffer, cell, at)
    at += type.size
  }
  return buffer
}

function writeHeader(buffer: Buffer, { oid }: ElementType, cells: Cells<unknown>): void {
  let at = buffer.writeInt32BE(1)
  at = buffer.writeInt32BE(cells.includes(undefined) ? 1 : 0, at)
  at = buffer.writeInt32BE(oid, at)
  at = buffer.writeInt32BE(cells.length, at)
  buffer.writeInt32BE(1, at)
}
