import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf"
import { wordList } from "./enum-words.ts"

/** Whether a message has a JSON form of its own (a time is a text, not an object). */
export function isWellKnown(desc: DescMessage): boolean {
  return desc.typeName.startsWith("google.protobuf.")
}

/** What a field takes, for the one who sent something else. */
export function expectation(field: DescField): string {
  if (field.fieldKind === "map")
    return `must be an object whose values are ${field.mapKind === "scalar" ? scalarName(field.scalar) : "objects"}`
  if (field.fieldKind === "list")
    return `must be an array of ${field.listKind === "scalar" ? scalarName(field.scalar) : field.listKind === "enum" ? wordList(field.enum) : "objects"}`
  if (field.fieldKind === "scalar") return `must be ${scalarName(field.scalar)}`
  if (field.fieldKind === "enum") return `must be one of ${wordList(field.enum)}`
  return `must be ${WELL_KNOWN[field.message.typeName] ?? "an object"}`
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  "google.protobuf.Timestamp": "a time as in RFC 3339, like 2026-01-31T12:00:00Z",
  "google.protobuf.FieldMask": "names of fields joined by commas",
}

function scalarName(type: ScalarType): string {
  switch (type) {
    case ScalarType.STRING:
      return "text"
    case ScalarType.BOOL:
      return "true or false"
    case ScalarType.BYTES:
      return "base64"
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "a number"
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return "a whole number of 64 bits"
    default:
      return "a whole number of 32 bits"
  }
}
