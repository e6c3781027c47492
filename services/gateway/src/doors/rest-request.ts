import { create, type DescField, type DescMessage, type JsonObject, type JsonValue, type Message, ScalarType } from "@bufbuild/protobuf"
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt"
import { refuse, type Refusal, type Violation } from "@posthorn/core"
import type { Binding } from "./rest-binding.ts"
import { fieldNamed, readMembers } from "./rest-decode.ts"
import { maskedResource } from "./request-rules.ts"

/** The parts of a REST request that say something. */
export interface RestParts {
  readonly variables: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** `undefined` when the binding takes no body. */
  readonly body: JsonObject | undefined
  readonly etag: string | undefined
}

/** Puts path, query, body and `If-Match` together into the request of the method, or says everything that is wrong with them. */
export function requestOf(binding: Binding, parts: RestParts): Message | Refusal {
  const desc = binding.method.input
  const request = create(desc)
  const details = [
    ...readBodyInto(binding, request, parts.body),
    ...readMembers(desc, request, Object.fromEntries(parts.variables)),
    ...readQuery(binding, request, parts),
  ]
  if (details.length > 0) return refuse("invalid_argument", "The request has fields that cannot be read.", { details })
  if (parts.etag !== undefined) setEtag(desc, request, parts.etag)
  return request
}

function readBodyInto({ body: place, method, mask }: Binding, request: Message, body: JsonObject | undefined): Violation[] {
  if (place === undefined || body === undefined) return []
  if (place === "*") return readMembers(method.input, request, body)
  const part = create(place.message)
  reflect(method.input, request).set(place, reflect(place.message, part))
  const details = readMembers(place.message, part, body, `${place.name}.`)
  if (mask === undefined) return details
  // The etag says which state is meant to change; it is nothing to change.
  const paths = Object.keys(body).flatMap((name) => fieldNamed(place.message, name)?.name ?? []).filter((name) => name !== "etag")
  setMask(method.input, request, mask, paths)
  return details
}

function readQuery({ method, body, replaces, mask }: Binding, request: Message, { query, variables }: RestParts): Violation[] {
  const details: Violation[] = []
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name).filter((value) => value !== "")
    const field = fieldNamed(method.input, name)
    const taken = field !== undefined && (body === "*" || field === body || variables.has(field.name) || (replaces && field.message?.typeName === FieldMaskSchema.typeName))
    if (field === undefined || taken) details.push({ field: name, reason: "is not a parameter of this request" })
    else if (values.length > 1 && field.fieldKind !== "list") details.push({ field: name, reason: "is there more than once" })
    else if (values.length > 0) {
      if (field === mask) setMask(method.input, request, field, []) // What is asked for takes the place of what the body has.
      details.push(...readMembers(method.input, request, { [name]: field.fieldKind === "list" ? values.map((value) => queryJson(field, value)) : queryJson(field, values[0] ?? "") }))
    }
  }
  return details.length > 0 || mask === undefined || !hasEmptyMask(method.input, request, mask) ? details : [{ field: mask.name, reason: "there is nothing to change: the body names no field" }]
}

/** JSON spells truth values without quotes; every other value may be a text. */
function queryJson(field: DescField, value: string): JsonValue {
  const isBoolean = (field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")) && field.scalar === ScalarType.BOOL
  return isBoolean && (value === "true" || value === "false") ? value === "true" : value
}

function setMask(desc: DescMessage, request: Message, mask: DescField, paths: string[]): void {
  reflect(desc, request).set(mask, reflect(FieldMaskSchema, create(FieldMaskSchema, { paths })))
}

/** An empty mask means every field, which is not what an empty PATCH says. */
function hasEmptyMask(desc: DescMessage, request: Message, mask: DescField): boolean {
  const { message } = reflect(desc, request).get(mask) as ReflectMessage
  return (message as FieldMask).paths.length === 0
}

/** The precondition goes into the request's own etag, or into that of the resource that it changes; a method that has neither takes none. */
function setEtag(desc: DescMessage, request: Message, etag: string): void {
  const own = fieldNamed(desc, "etag")
  if (own !== undefined) return reflect(desc, request).set(own, etag)
  const resource = maskedResource(desc)?.resource
  const inside = resource && fieldNamed(resource.message, "etag")
  if (resource === undefined || inside === undefined) return
  const part = reflect(desc, request).get(resource) as ReflectMessage
  part.set(inside, etag)
  reflect(desc, request).set(resource, part)
}
