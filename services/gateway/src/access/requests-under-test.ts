/** Requests for every method of the contract, made from its descriptors and rules: a method that is added tomorrow has its request already. */
import { type DescField, type DescMessage, fromJson, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { requestRules } from "../doors/request-rules.ts"
import { type Binding, bindingsOf, type RoutedMethod } from "../doors/rest-binding.ts"

/** Names of fields that name something that belongs to an application, with something real. */
export type Ids = Readonly<Record<string, string>>

/** Fields with `_id` at their end that name nothing of anybody's. */
const NO_IDS = new Set(["request_id", "correlation_id"])
/** Filling in one thing brings up the next. */
const ROUNDS_MAX = 8

/** A request that names all that it can of `ids`, and keeps the rules of the contract. As JSON, members by the names in the contract. */
export function sampleRequest({ input }: RoutedMethod, ids: Ids): JsonObject {
  const request = named(input, ids)
  const violates = requestRules(input)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const refused = violates(fromJson(input, request))
    if (!isRefusal(refused)) return request
    for (const { field } of refused.details) fill({ desc: input, into: request, ids }, field.replaceAll(/\[\d+\]/g, "").split("."))
  }
  throw new Error(`${input.typeName}: a request that keeps its rules cannot be made: ${JSON.stringify(violates(fromJson(input, request)))}`)
}

/** Which fields of a request name something, by their paths; those inside lists apart, because each item of a list is judged for itself. */
export function idsNamed(
  desc: DescMessage,
  request: JsonObject,
): { readonly whole: readonly string[]; readonly inItems: readonly string[] } {
  const whole: string[] = []
  const inItems: string[] = []
  for (const field of desc.fields) {
    const value = request[field.name]
    if (value === undefined) continue
    if (isIdField(field)) whole.push(field.name)
    else if (field.fieldKind === "message" && isOurs(field.message)) {
      const inner = idsNamed(field.message, value as JsonObject)
      whole.push(...inner.whole.map((name) => `${field.name}.${name}`))
      inItems.push(...inner.inItems)
    } else if (field.fieldKind === "list" && field.listKind === "message" && isOurs(field.message))
      for (const item of value as JsonObject[]) inItems.push(...idsNamed(field.message, item).whole)
  }
  return { whole, inItems }
}

function named(desc: DescMessage, ids: Ids): JsonObject {
  return Object.fromEntries(
    desc.fields.flatMap((field): [string, JsonValue][] => {
      if (!isIdField(field)) return []
      const id = ids[field.name]
      if (id === undefined) throw new Error(`${desc.typeName}.${field.name} is an id of a kind that this test has none of`)
      return [[field.name, id]]
    }),
  )
}

interface Place {
  readonly desc: DescMessage
  readonly into: JsonObject
  readonly ids: Ids
}

function fill({ desc, into, ids }: Place, [name = "", ...rest]: readonly string[]): void {
  const field = desc.fields.find((each) => each.name === name)
  if (field === undefined) throw new Error(`${desc.typeName} has no field ${name}`)
  const inner = into[name]
  const desired = field.fieldKind === "message" || field.fieldKind === "list" ? field.message : undefined
  if (rest.length === 0 || inner === undefined || desired === undefined) into[name] = valueFor(field, ids)
  else for (const each of Array.isArray(inner) ? inner : [inner]) fill({ desc: desired, into: each as JsonObject, ids }, rest)
}

function valueFor(field: DescField, ids: Ids): JsonValue {
  switch (field.fieldKind) {
    case "message":
      if (isOurs(field.message)) return named(field.message, ids)
      return field.message.typeName === "google.protobuf.Timestamp" ? new Date().toISOString() : {}
    case "enum":
      return field.enum.values.at(-1)?.name ?? ""
    case "list":
      if (field.listKind === "message") return [isOurs(field.message) ? named(field.message, ids) : {}]
      return field.listKind === "enum" ? [field.enum.values.at(-1)?.name ?? ""] : [textFor(field.name)]
    case "map":
      return {}
    case "scalar":
      return field.scalar === ScalarType.STRING ? textFor(field.name) : field.scalar === ScalarType.BOOL ? true : 1
  }
}

const textFor = (name: string): string => (name.endsWith("url") ? "https://example.com/" : "order.created")

const isIdField = (field: DescField): boolean => field.fieldKind === "scalar" && field.name.endsWith("_id") && !NO_IDS.has(field.name)

const isOurs = ({ typeName }: DescMessage): boolean => typeName.startsWith("posthorn.")

export interface RestRequest {
  readonly httpMethod: string
  readonly path: string
  readonly body: JsonObject | undefined
}

/** A request by each of its routes. */
export function restRequests(method: RoutedMethod, request: JsonObject): readonly RestRequest[] {
  return bindingsOf(method).map((binding) => restRequest(binding, request))
}

function restRequest({ template, httpMethod, body }: Binding, request: JsonObject): RestRequest {
  const rest = new Map(Object.entries(request))
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest.get(name)
    rest.delete(name)
    return encodeURIComponent(typeof value === "string" ? value : "order.created")
  })
  if (body === "*") return { httpMethod, path, body: Object.fromEntries(rest) }
  const sent = body === undefined ? undefined : ((rest.get(body.name) ?? {}) as JsonObject)
  if (body !== undefined) rest.delete(body.name)
  const query = new URLSearchParams(
    [...rest].flatMap(([name, value]): [string, string][] => (typeof value === "object" ? [] : [[name, String(value)]])),
  )
  return { httpMethod, path: query.size === 0 ? path : `${path}?${query.toString()}`, body: sent }
}
