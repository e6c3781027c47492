import { isUtf8 } from "node:buffer"
import type { JsonValue } from "@bufbuild/protobuf"
import { type ByteRange, jsonMembers, refuse, type Refusal } from "@posthorn/core"

export interface JsonBody {
  readonly value: Readonly<Record<string, JsonValue>>
  /** Where the values of the members are in the bytes. */
  readonly members: ReadonlyMap<string, ByteRange>
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
  try {
    const text = bytes.toString("utf8")
    const value = JSON.parse(text) as Record<string, JsonValue>
    if (LONE_SURROGATE_PERHAPS.test(text) && !isWellFormed(value)) return malformed("The body has half of a surrogate pair in a text.")
    return { value, members }
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
