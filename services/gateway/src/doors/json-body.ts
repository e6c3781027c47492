import { isUtf8 } from "node:buffer"
import type { JsonValue } from "@bufbuild/protobuf"
import { type ByteRange, isRefusal, jsonElements, jsonMembers, refuse, type Refusal } from "@posthorn/core"

export interface JsonBody {
  readonly value: Readonly<Record<string, JsonValue>>
  /** Where the values of the members are in the bytes. */
  readonly members: ReadonlyMap<string, ByteRange>
}

export interface JsonArray {
  readonly values: readonly JsonValue[]
  /** Where they are in the bytes. */
  readonly elements: readonly ByteRange[]
}

const LONE_SURROGATE_PERHAPS = /\\u[dD][89a-fA-F]/

/**
 * Reads a body that must be one JSON object: valid UTF-8, no name twice at the top, nested within bounds, no half of a surrogate pair anywhere, nothing
 * after it.
 */
export function readJsonObject(bytes: Buffer): JsonBody | Refusal {
  if (!isUtf8(bytes)) return malformed("The body is not valid UTF-8.")
  const members = jsonMembers(bytes)
  if ("reason" in members) return malformed("The body is not an acceptable JSON object.", members)
  const value = parse(bytes)
  return isRefusal(value) ? value : { value: value.parsed as JsonBody["value"], members }
}

/** The same for a body that must be one JSON array. */
export function readJsonArray(bytes: Buffer): JsonArray | Refusal {
  if (!isUtf8(bytes)) return malformed("The body is not valid UTF-8.")
  const elements = jsonElements(bytes)
  if ("reason" in elements) return malformed("The body is not an acceptable JSON array.", elements)
  const values = parse(bytes)
  return isRefusal(values) ? values : { values: values.parsed as readonly JsonValue[], elements }
}

/** The elements of an array as objects of their own; one that is none is refused alone. */
export function elementBodies(bytes: Buffer, { values, elements }: JsonArray): readonly (JsonBody | Refusal)[] {
  return elements.map((element, at) => {
    const members = jsonMembers(bytes, element)
    if ("reason" in members) return malformed("The event is not an acceptable JSON object.", members)
    return { value: values[at] as JsonBody["value"], members }
  })
}

function parse(bytes: Buffer): { readonly parsed: JsonValue } | Refusal {
  try {
    const text = bytes.toString("utf8")
    const parsed = JSON.parse(text) as JsonValue
    const broken = LONE_SURROGATE_PERHAPS.test(text) && !isWellFormed(parsed)
    return broken ? malformed("The body has half of a surrogate pair in a text.") : { parsed }
  } catch {
    return malformed("The body is not well-formed JSON.") // The parser's own message would repeat parts of the body.
  }
}

function malformed(message: string, violation?: { field: string; reason: string }): Refusal {
  return refuse("invalid_argument", message, violation === undefined ? {} : { details: [violation] })
}

function isWellFormed(value: JsonValue): boolean {
  if (typeof value === "string") return value.isWellFormed()
  if (typeof value !== "object" || value === null) return true
  if (Array.isArray(value)) return value.every(isWellFormed)
  return Object.entries(value).every(([name, item]) => name.isWellFormed() && isWellFormed(item))
}
