import { create, type JsonValue } from "@bufbuild/protobuf"
import type { FilterFailure } from "@posthorn/core"
import { FailedClauseSchema, type FailedClause } from "@posthorn/proto"

const SHOWN_LENGTH_MAX = 200
const SHOWN_ELEMENTS_MAX = 10

/** A clause for people: values as JSON, as much of them as can be read at a glance. */
export function failedClauseOf({ path, operator, expected, actual }: FilterFailure): FailedClause {
  return create(FailedClauseSchema, {
    path,
    operator,
    expected: shortened(shown(expected)),
    actual: actual === undefined ? "" : shortened(shown(actual)),
  })
}

/** What is inside of what is inside stays out: a payload may be nested deeper than anything here could follow. */
function shown(value: JsonValue): string {
  if (!Array.isArray(value)) return brief(value)
  const more = value.length > SHOWN_ELEMENTS_MAX ? ", …" : ""
  return `[${value.slice(0, SHOWN_ELEMENTS_MAX).map(brief).join(", ")}${more}]`
}

function brief(value: JsonValue): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_LENGTH_MAX + 1))
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return Array.isArray(value) ? "[…]" : `{${Object.keys(value).slice(0, SHOWN_ELEMENTS_MAX).map(brief).join(", ")}}`
}

const shortened = (text: string): string => (text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…`.toWellFormed() : text)
