import type { JsonValue } from "@bufbuild/protobuf"
import { limits, readSchema, type Violation } from "@posthorn/core"
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js"
import { fastFormats, fullFormats } from "ajv-formats/dist/formats.js"
import { RE2JS } from "re2js"

/** Where a payload does not fit, at most `SCHEMA_VIOLATIONS_MAX`: `field` is `data` with the JSON pointer within the payload behind it. */
export type CheckPayload = (payload: JsonValue) => readonly Violation[]

/** Characters of a place and of a reason that are told: both may repeat names out of a payload or a schema. */
const TOLD_LENGTH_MAX = 200

const FORMATS = {
  ...fullFormats,
  // The full ones need time by the square of the text.
  email: fastFormats.email,
  uri: fastFormats.uri,
  "uri-reference": fastFormats["uri-reference"],
}

/**
 * A check of payloads, or why there is none: `field` is then a JSON pointer within the schema. Compiling makes code out of what a stranger
 * wrote and takes what time it takes: both belong into a thread that can be ended.
 */
export function compileSchema(given: JsonValue): CheckPayload | readonly Violation[] {
  const { schema, faults } = readSchema(given, isLinearPattern)
  if (faults.length > 0) return faults
  const ajv = new Ajv2020({
    allErrors: true,
    ownProperties: true,
    // What could be wrong with it was judged by `readSchema`.
    strict: false,
    meta: false,
    validateSchema: false,
    logger: false,
    formats: FORMATS,
    code: { regExp: linearRegExp },
  })
  try {
    const fits = ajv.compile(schema as object | boolean)
    return (payload) => (fits(payload) ? [] : (fits.errors ?? []).slice(0, limits.SCHEMA_VIOLATIONS_MAX).map(violationOf))
  } catch (error) {
    // A stack that is used up, or what the library does not take: to the author of the schema it is one and the same.
    return [{ field: "", reason: `cannot be used: ${error instanceof Error ? error.message : "unknown fault"}`.slice(0, TOLD_LENGTH_MAX) }]
  }
}

function violationOf({ instancePath, message = "does not fit", params, keyword }: ErrorObject): Violation {
  const named = keyword === "additionalProperties" ? `: ${String(params["additionalProperty"])}` : ""
  return {
    field: `data${instancePath}`.slice(0, TOLD_LENGTH_MAX).toWellFormed(),
    reason: (message + named).slice(0, TOLD_LENGTH_MAX).toWellFormed(),
  }
}

/** Matches in time linear in the text, whatever the pattern: without look-around and back-references. */
function linearRegExp(pattern: string): { test(text: string): boolean; toString(): string } {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
  // Expressions are told apart by their text.
  return { test: (text) => compiled.test(text), toString: () => pattern }
}
linearRegExp.code = "linearRegExp"

/** A reference back to a named group, which the translation would take for the letter k. */
const NAMED_BACK_REFERENCE = /(?<!\\)(?:\\\\)*\\k</

function isLinearPattern(pattern: string): boolean {
  if (NAMED_BACK_REFERENCE.test(pattern)) return false
  try {
    linearRegExp(pattern)
    return true
  } catch {
    return false // The only question is whether it can be compiled.
  }
}
