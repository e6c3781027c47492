/** Event types out of the `webhooks` of an OpenAPI 3.1 document, as its author wrote them; whether their schemas can be used is judged elsewhere. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import * as limits from "../limits.ts"
import { refuse, type Refusal } from "../refusal.ts"
import { isEventTypeName } from "./event-type-name.ts"
import { pointerStep } from "./schema-rules.ts"

/** What a document says about one webhook. */
export interface Webhook {
  readonly name: string
  readonly description: string
  readonly deprecated: boolean
  /** With what it refers to in its own `$defs`. */
  readonly schema: JsonObject | undefined
  readonly example: JsonValue | undefined
}

const COMPONENTS = "#/components/schemas/"
const DEFINITIONS = "#/$defs/"
/** References from one object of a document to the next. */
const HOPS_MAX = 8
const DESCRIPTION_LENGTH_MAX = 1000

/** One of each webhook, in the document's order, what is refused by the name that it has there. */
export function webhooksOf(document: JsonObject): readonly (Webhook | { readonly name: string; readonly refused: Refusal })[] | Refusal {
  const { openapi, webhooks = {} } = document
  if (typeof openapi !== "string" || !/^3\.[1-9]/.test(openapi)) return refuseDocument("openapi", "must be 3.1 or later")
  if (!isObject(webhooks)) return refuseDocument("webhooks", "must be an object")
  const entries = Object.entries(webhooks)
  if (entries.length > limits.EVENT_TYPES_MAX) return refuseDocument("webhooks", `must have at most ${limits.EVENT_TYPES_MAX} entries`)
  const budget = { left: limits.IMPORT_VALUES_MAX }
  return entries.map(([name, item]) => {
    const read = readWebhook({ document, budget }, name, item)
    const pointer = `document/webhooks${pointerStep(name)}`.slice(0, 200)
    return "reason" in read ? { name, refused: refuseItem(pointer, read.reason) } : read
  })
}

interface Source {
  readonly document: JsonObject
  /** Values that may still be copied: components that many webhooks refer to are copied as often. */
  readonly budget: { left: number }
}

interface Fault {
  readonly reason: string
}

function readWebhook(source: Source, name: string, item: JsonValue): Webhook | Fault {
  const { document } = source
  if (!isEventTypeName(name)) return { reason: "must have the name of an event type: words of letters, digits, _ and - joined by dots" }
  const path = followed(document, item)
  const operation =
    path && [path["post"], path["put"], path["patch"]].map((each) => followed(document, each)).find((each) => each !== undefined)
  if (operation === undefined) return { reason: "has no post, put or patch that can be read" }
  const media = mediaOf(document, operation)
  const schema = media?.["schema"]
  const bundled = schema === undefined ? undefined : bundle(source, schema)
  if (bundled !== undefined && "reason" in bundled) return bundled
  const text = [operation["description"], operation["summary"]].find((each) => typeof each === "string") ?? ""
  return {
    name,
    description: text.slice(0, DESCRIPTION_LENGTH_MAX).toWellFormed(),
    deprecated: operation["deprecated"] === true,
    schema: bundled?.schema,
    example: exampleOf(document, media),
  }
}

function mediaOf(document: JsonObject, operation: JsonObject): JsonObject | undefined {
  const content = followed(document, followed(document, operation["requestBody"])?.["content"])
  return followed(document, content?.["application/json"])
}

function exampleOf(document: JsonObject, media: JsonObject | undefined): JsonValue | undefined {
  if (media === undefined || media["example"] !== undefined) return media?.["example"]
  const [first] = Object.values(followed(document, media["examples"]) ?? {})
  return followed(document, first)?.["value"]
}

/** The object that a value is or refers to within the document. */
function followed(document: JsonObject, value: JsonValue | undefined): JsonObject | undefined {
  let found = value
  for (let hop = 0; hop < HOPS_MAX && isObject(found); hop++) {
    const reference = found["$ref"]
    if (reference === undefined) return found
    found = typeof reference === "string" && reference.startsWith("#/") ? at(document, reference.slice(2)) : undefined
  }
  return undefined
}

/** The value that a JSON pointer leads to. */
function at(document: JsonObject, path: string): JsonValue | undefined {
  let found: JsonValue | undefined = document
  for (const step of path.split("/")) {
    const name = unescaped(step)
    found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
  }
  return found
}

/** The schema with all components that it leads to, whose references lead to its own `$defs`. */
function bundle({ document, budget }: Source, schema: JsonValue): { readonly schema: JsonObject } | Fault {
  if (!isObject(schema)) return { reason: "has a schema that is no object" }
  const wanted = new Set<string>()
  const copy = (value: JsonValue): JsonValue => {
    budget.left--
    if (budget.left < 0) return null
    if (Array.isArray(value)) return value.map(copy)
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => {
        if (name !== "$ref" || typeof part !== "string" || !part.startsWith(COMPONENTS)) return [name, copy(part)]
        wanted.add(part.slice(COMPONENTS.length).split("/")[0] ?? "")
        return [name, DEFINITIONS + part.slice(COMPONENTS.length)]
      }),
    )
  }
  const root = copy(schema) as JsonObject
  const definitions: [string, JsonValue][] = []
  for (const name of wanted) {
    const component = at(document, `components/schemas/${name}`)
    if (component === undefined) return { reason: `refers to ${COMPONENTS}${name}, which is not there`.slice(0, 200) }
    definitions.push([unescaped(name), copy(component)])
  }
  if (budget.left < 0) return { reason: "comes after more schemas than one import takes: import the rest by itself" }
  const own = isObject(root["$defs"] ?? null) ? (root["$defs"] as JsonObject) : {}
  return { schema: definitions.length === 0 ? root : { ...root, $defs: { ...own, ...Object.fromEntries(definitions) } } }
}

function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
  } catch {
    return step // Not percent-encoding: it stands for itself.
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

const refuseDocument = (field: string, reason: string): Refusal =>
  refuse("invalid_argument", "The document cannot be imported.", { details: [{ field: `document.${field}`, reason }] })

const refuseItem = (field: string, reason: string): Refusal =>
  refuse("invalid_argument", "The webhook cannot be imported.", { details: [{ field, reason }] })
