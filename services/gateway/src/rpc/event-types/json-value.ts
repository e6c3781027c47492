import { toJson, type JsonValue } from "@bufbuild/protobuf"
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt"
import { refuse, type Refusal } from "@posthorn/core"

/** The JSON that a typed value stands for, or `undefined`: it has a number that JSON cannot write. */
export function jsonOfValue(value: Value): JsonValue | undefined {
  if (value.kind.case === undefined) return null
  try {
    return toJson(ValueSchema, value)
  } catch {
    return undefined // The one thing that it cannot write is a number that is not finite.
  }
}

export const unwritable = (field: string): Refusal =>
  refuse("invalid_argument", "The request has fields that cannot be read.", {
    details: [{ field, reason: "has a number that JSON cannot write" }],
  })
