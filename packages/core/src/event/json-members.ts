/**
 * Where the members of a JSON object lie in its bytes, so that a payload inside a request can travel on as the sender wrote it.
 *
 * It finds its way by quotes and brackets alone and does not judge the rest: what it answers is right for well-formed JSON in UTF-8, which the caller
 * checks by parsing the same bytes. For other bytes it ends as soon and answers something without meaning. It runs before the parser, because nesting is
 * bounded here.
 */
import { JSON_DEPTH_MAX } from "../limits.ts"
import type { Violation } from "../refusal.ts"

/** Bytes from `start` up to and without `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * The values of an object's members by name, names unescaped. Refuses what is not an object, a name that is there twice, and nesting deeper than
 * `JSON_DEPTH_MAX` counted from this object. Names inside values are not looked at.
 */
export function jsonMembers(bytes: Uint8Array, within: ByteRange = whole(bytes)): ReadonlyMap<string, ByteRange> | Violation {
  const members = new Map<string, ByteRange>()
  let twice: string | undefined
  const fault = eachPart({ bytes, within, opening: OPEN_OBJECT }, (start, end) => {
    const nameEnd = stringEnd(bytes, start, end)
    const name = textOf(bytes, start, nameEnd)
    if (members.has(name)) twice ??= name
    members.set(name, trimmed(bytes, Math.min(colonAt(bytes, nameEnd, end) + 1, end), end))
  })
  if (fault !== undefined) return fault
  return twice === undefined ? members : { field: twice, reason: "is there twice" }
}

/** The elements of an array, in order. Refuses what is not an array, and nesting as above. */
export function jsonElements(bytes: Uint8Array, within: ByteRange = whole(bytes)): readonly ByteRange[] | Violation {
  const elements: ByteRange[] = []
  return eachPart({ bytes, within, opening: OPEN_ARRAY }, (start, end) => elements.push({ start, end })) ?? elements
}

interface Container {
  readonly bytes: Uint8Array
  readonly within: ByteRange
  readonly opening: typeof OPEN_ARRAY | typeof OPEN_OBJECT
}

/** Hands over the parts between the commas of one array or object, without the white space around them. */
function eachPart({ bytes, within, opening }: Container, part: (start: number, end: number) => void): Violation | undefined {
  const { start, end } = trimmed(bytes, within.start, within.end)
  if (bytes[start] !== opening || end - start < 2)
    return { field: "", reason: opening === OPEN_OBJECT ? "must be a JSON object" : "must be a JSON array" }
  let depth = 0
  let from = start + 1
  const hand = (to: number) => {
    const range = trimmed(bytes, from, to)
    if (range.start < range.end) part(range.start, range.end)
    from = to + 1
  }
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = stringEnd(bytes, at, end) - 1
    else if (byte === COMMA) {
      if (depth === 1) hand(at)
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (++depth > JSON_DEPTH_MAX) return { field: "", reason: `is nested deeper than ${JSON_DEPTH_MAX}` }
    } else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) {
      hand(at)
      return undefined
    }
  }
  return undefined
}

/** The place after the string that begins at `start`. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]
    if (byte === BACKSLASH) at++
    else if (byte === QUOTE) return at + 1
  }
  return end
}

/** The string between two quotes. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ""
  let plain = true
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x80 || byte === BACKSLASH) plain = false
    text += String.fromCharCode(byte)
  }
  return plain ? text : unescaped(text)
}

/** Reads a string whose characters each stand for one byte: first as UTF-8, then JSON's escapes. What is neither stays as it is. */
function unescaped(byteText: string): string {
  try {
    const utf8 = decodeURIComponent(byteText.replace(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`))
    return JSON.parse(`"${utf8}"`) as string
  } catch {
    return byteText
  }
}

function colonAt(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] !== COLON) at++
  return at
}

function trimmed(bytes: Uint8Array, start: number, end: number): ByteRange {
  let from = start
  let to = end
  while (from < to && isSpace(bytes[from])) from++
  while (to > from && isSpace(bytes[to - 1])) to--
  return { start: from, end: to }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function whole(bytes: Uint8Array): ByteRange {
  return { start: 0, end: bytes.length }
}
