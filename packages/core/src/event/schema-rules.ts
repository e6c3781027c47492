/**
 * What a JSON Schema 2020-12 may be here: within bounds, with references to its own places alone, and with nothing that leads round in a circle
 * without going further into the payload. Whoever compiles it gets a copy with known keywords in known forms, and nothing else.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import * as limits from "../limits.ts"
import type { Violation } from "../refusal.ts"

export interface SchemaReading {
  /** The schema without what says nothing of payloads. */
  readonly schema: JsonValue
  /** Why it cannot be used, at most `SCHEMA_VIOLATIONS_MAX`: `field` is the JSON pointer of the fault within the schema. */
  readonly faults: readonly Violation[]
}

/** `isPattern` tells whether a text is a regular expression that can be matched in linear time. */
export function readSchema(schema: JsonValue, isPattern: (text: string) => boolean): SchemaReading {
  const walk: Walk = { isPattern, faults: [], sameValue: new Map(), references: [] }
  const copy = readPlace(walk, schema, { pointer: "", depth: 0 })
  judgeReferences(walk)
  return { schema: copy, faults: walk.faults.slice(0, limits.SCHEMA_VIOLATIONS_MAX) }
}

/** One step of a JSON pointer. */
export const pointerStep = (name: string | number): string => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`

interface Walk {
  readonly isPattern: (text: string) => boolean
  readonly faults: Violation[]
  /** Every place of a schema, with the places that look at the same value next. */
  readonly sameValue: Map<string, string[]>
  readonly references: { readonly from: string; readonly to: string }[]
}

/** Where a schema is. */
interface Place {
  readonly pointer: string
  readonly depth: number
}

/** Reads the value of a keyword, which is at `pointer`; `undefined` = there is nothing to keep of it. */
type Read = (walk: Walk, value: JsonValue, at: { readonly schema: Place; readonly pointer: string }) => JsonValue | undefined

const TYPES = new Set(["array", "boolean", "integer", "null", "number", "object", "string"])
/** Formats that are checked; any other is an annotation. */
const FORMATS = new Set([
  "date",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "json-pointer",
  "time",
  "uri",
  "uri-reference",
  "uuid",
])
const DIALECT = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/

/** Keywords that mean something; others say nothing of payloads. */
const KEYWORDS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...each("items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties", schemaOf("part")),
  ...each("not if then else", schemaOf("same value")),
  ...each("prefixItems", schemasOf("part")),
  ...each("allOf anyOf oneOf", schemasOf("same value")),
  ...each("properties $defs definitions", schemaMapOf("part")),
  ...each("dependentSchemas", schemaMapOf("same value")),
  ...each("patternProperties", readPatternMap),
  ...each(
    "minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties",
    plain(isCount, "must be a whole number from 0"),
  ),
  ...each("minimum maximum exclusiveMinimum exclusiveMaximum", plain(isNumber, "must be a number")),
  ...each(
    "multipleOf",
    plain((value) => isNumber(value) && Number(value) > 0, "must be a number above 0"),
  ),
  ...each(
    "uniqueItems",
    plain((value) => typeof value === "boolean", "must be true or false"),
  ),
  ...each("required", plain(isNames, "must be an array of different texts")),
  ...each(
    "dependentRequired",
    plain((value) => isObject(value) && Object.values(value).every(isNames), "must be an object of arrays of different texts"),
  ),
  ...each("type", plain(isTypes, `must be one or several of ${[...TYPES].join(", ")}`)),
  ...each(
    "enum",
    plain((value) => Array.isArray(value) && value.length > 0, "must be an array that is not empty"),
  ),
  ...each("const", (_, value) => value),
  ...each("pattern", (walk, value, { pointer }) => (isLinear(walk, value) ? value : fault(walk, pointer, PATTERN))),
  ...each("format", (walk, value, { pointer }) => (typeof value === "string" ? known(value) : fault(walk, pointer, "must be text"))),
  ...each("$ref", readReference),
  ...each("$schema", (walk, value, { pointer }) =>
    typeof value === "string" && DIALECT.test(value)
      ? undefined
      : fault(walk, pointer, "must be https://json-schema.org/draft/2020-12/schema"),
  ),
  // At the top it changes nothing, since no reference goes by it.
  ...each("$id", (walk, _, { schema, pointer }) => (schema.pointer === "" ? undefined : fault(walk, pointer, "is taken at the top alone"))),
  ...each("$anchor $dynamicAnchor $dynamicRef $recursiveAnchor $recursiveRef", (walk, _, { pointer }) =>
    fault(walk, pointer, "is not taken: schemas refer to each other by their places, like #/$defs/money"),
  ),
])

const PATTERN = `must be a regular expression without look-around and back-references, of at most ${limits.SCHEMA_PATTERN_LENGTH_MAX} characters`

function readPlace(walk: Walk, value: JsonValue, place: Place): JsonValue {
  const { pointer, depth } = place
  walk.sameValue.set(pointer, [])
  if (typeof value === "boolean") return value
  const copy: JsonObject = {}
  if (!isObject(value)) fault(walk, pointer, "must be a schema: an object, true or false")
  else if (depth > limits.SCHEMA_DEPTH_MAX) fault(walk, pointer, `is nested deeper than ${limits.SCHEMA_DEPTH_MAX} schemas`)
  else
    for (const [keyword, part] of Object.entries(value)) {
      const read = KEYWORDS.get(keyword)?.(walk, part, { schema: place, pointer: pointer + pointerStep(keyword) })
      if (read !== undefined) copy[keyword] = read
    }
  return copy
}

type Looks = "same value" | "part"

interface Below {
  readonly looks: Looks
  readonly schema: Place
  /** Of the schema below. */
  readonly pointer: string
}

function readBelow(walk: Walk, value: JsonValue, { looks, schema, pointer }: Below): JsonValue {
  if (looks === "same value") walk.sameValue.get(schema.pointer)?.push(pointer)
  return readPlace(walk, value, { pointer, depth: schema.depth + 1 })
}

function schemaOf(looks: Looks): Read {
  return (walk, value, at) => readBelow(walk, value, { looks, ...at })
}

function schemasOf(looks: Looks): Read {
  return (walk, value, { schema, pointer }) => {
    if (!Array.isArray(value) || value.length === 0) return fault(walk, pointer, "must be an array of schemas that is not empty")
    return value.map((item, at) => readBelow(walk, item, { looks, schema, pointer: pointer + pointerStep(at) }))
  }
}

function schemaMapOf(looks: Looks): Read {
  return (walk, value, { schema, pointer }) => {
    if (!isObject(value)) return fault(walk, pointer, "must be an object of schemas")
    const copy: JsonObject = {}
    for (const [name, item] of Object.entries(value)) {
      const at = pointer + pointerStep(name)
      // Assigning it would set the prototype instead.
      if (name === "__proto__") fault(walk, at, "is not taken as a name")
      else copy[name] = readBelow(walk, item, { looks, schema, pointer: at })
    }
    return copy
  }
}

function readPatternMap(walk: Walk, value: JsonValue, at: Parameters<Read>[2]): JsonValue | undefined {
  if (isObject(value))
    for (const name of Object.keys(value)) if (!isLinear(walk, name)) fault(walk, at.pointer + pointerStep(name), PATTERN)
  return schemaMapOf("part")(walk, value, at)
}

function readReference(walk: Walk, value: JsonValue, { schema, pointer }: Parameters<Read>[2]): JsonValue | undefined {
  const to = typeof value === "string" && (value === "#" || value.startsWith("#/")) ? decoded(value.slice(1)) : undefined
  if (to === undefined) return fault(walk, pointer, "must lead to a place within this schema, like #/$defs/money")
  walk.references.push({ from: schema.pointer, to })
  return value
}

function judgeReferences(walk: Walk): void {
  for (const { from, to } of walk.references) {
    if (walk.sameValue.has(to)) walk.sameValue.get(from)?.push(to)
    else fault(walk, `${from}/$ref`, "leads to no schema within this one")
  }
  const circle = circleIn(walk.sameValue)
  if (circle !== undefined) fault(walk, circle, "leads back to itself without going further into the payload")
}

/** A place from which a way leads back to it. */
function circleIn(next: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>()
  const underWay = new Set<string>()
  const visit = (place: string): string | undefined => {
    if (underWay.has(place)) return place
    if (done.has(place)) return undefined
    underWay.add(place)
    const found = next
      .get(place)
      ?.map(visit)
      .find((circle) => circle !== undefined)
    underWay.delete(place)
    done.add(place)
    return found
  }
  return [...next.keys()].map(visit).find((circle) => circle !== undefined)
}

function each(keywords: string, read: Read): [string, Read][] {
  return keywords.split(" ").map((keyword) => [keyword, read])
}

function plain(fits: (value: JsonValue) => boolean, expected: string): Read {
  return (walk, value, { pointer }) => (fits(value) ? value : fault(walk, pointer, expected))
}

function fault(walk: Walk, field: string, reason: string): undefined {
  walk.faults.push({ field, reason })
}

function isLinear(walk: Walk, value: JsonValue): boolean {
  return typeof value === "string" && value.length <= limits.SCHEMA_PATTERN_LENGTH_MAX && walk.isPattern(value)
}

function known(format: string): string | undefined {
  return FORMATS.has(format) ? format : undefined
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isNumber(value: JsonValue): boolean {
  return typeof value === "number"
}

function isCount(value: JsonValue): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isNames(value: JsonValue): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === "string") && new Set(value).size === value.length
}

function isTypes(value: JsonValue): boolean {
  const names = Array.isArray(value) ? value : [value]
  return names.length > 0 && names.every((name) => typeof name === "string" && TYPES.has(name)) && new Set(names).size === names.length
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return undefined // Not percent-encoding: such a reference leads nowhere.
  }
}
