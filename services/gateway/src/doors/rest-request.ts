import { create, type DescField, type DescMessage, type JsonObject, type JsonValue, type Message, ScalarType } from "@bufbuild/protobuf"
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt"
import { refuse, type Refusal, type Violation } from "@posthorn/core"
import { maskedResource } from "./request-rules.ts"
import type { Binding } from "./rest-binding.ts"
import { fieldNamed, readMembers } from "./rest-decode.ts"

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
  const request = reflect(binding.method.input)
  const details = [
    ...readBodyInto(binding, request, parts.body),
    ...readMembers(request, Object.fromEntries(parts.variables)),
    ...readQuery(binding, request, parts),
  ]
  if (details.length === 0 && binding.mask !== undefined && maskOf(request, binding.mask).paths.length === 0) {
    // An empty mask means every field, which is not what an empty PATCH says.
    details.push({ field: binding.mask.name, reason: "there is nothing to change: the body names no field" })
  }
  if (details.length > 0) return refuse("invalid_argument", "The request has fields that cannot be read.", { details })
  if (parts.etag !== undefined) setEtag(request, parts.etag)
  return request.message
}

function readBodyInto({ body: place, mask }: Binding, request: ReflectMessage, body: JsonObject | undefined): Violation[] {
  if (place === undefined || body === undefined) return []
  if (place === "*") return readMembers(request, body)
  const resource = reflect(place.message)
  request.set(place, resource)
  if (mask !== undefined) maskOf(request, mask).paths = changedFields(resource, body)
  return readMembers(resource, body, `${place.name}.`)
}

/** The etag says which state is meant to change; it is nothing to change. */
function changedFields({ desc }: ReflectMessage, body: JsonObject): string[] {
  const names = Object.keys(body).flatMap((name) => fieldNamed(desc, name)?.name ?? [])
  return names.filter((name) => name !== "etag")
}

function readQuery(binding: Binding, request: ReflectMessage, { query, variables }: RestParts): Violation[] {
  return [...new Set(query.keys())].flatMap((name) => {
    const field = fieldNamed(request.desc, name)
    if (field === undefined || variables.has(field.name) || !isParameter(binding, field)) {
      return [{ field: name, reason: "is not a parameter of this request" }]
    }
    const values = query.getAll(name).filter((value) => value !== "")
    const [first] = values
    if (first === undefined) return []
    if (field.fieldKind === "list") return readMembers(request, { [name]: values.map((value) => queryJson(field, value)) })
    if (values.length > 1) return [{ field: name, reason: "is there more than once" }]
    if (field === binding.mask) maskOf(request, field).paths = [] // What is asked for takes the place of what the body has.
    return readMembers(request, { [name]: queryJson(field, first) })
  })
}

/** Whether a field may come in the query. What the body has a place for is no parameter, and a request that replaces everything takes no mask. */
export function isParameter({ body, replaces }: Binding, field: DescField): boolean {
  return body !== "*" && field !== body && !(replaces && field.message?.typeName === FieldMaskSchema.typeName)
}

/** JSON spells truth values without quotes; every other value may be a text. */
function queryJson(field: DescField, value: string): JsonValue {
  const isScalar = field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")
  return isScalar && field.scalar === ScalarType.BOOL && (value === "true" || value === "false") ? value === "true" : value
}

/** The mask of a request, made when there is none. */
function maskOf(request: ReflectMessage, mask: DescField): FieldMask {
  if (!request.isSet(mask)) request.set(mask, reflect(FieldMaskSchema, create(FieldMaskSchema)))
  return (request.get(mask) as ReflectMessage).message as FieldMask
}

/** Where the precondition of a request goes: into its own etag, or into that of the resource that it changes; a method that has neither takes none. */
export function etagPlace(desc: DescMessage): { readonly resource?: DescField; readonly etag: DescField } | undefined {
  const own = fieldNamed(desc, "etag")
  if (own !== undefined) return { etag: own }
  const resource = maskedResource(desc)?.resource
  const inside = resource && fieldNamed(resource.message, "etag")
  return inside && { resource, etag: inside }
}

function setEtag(request: ReflectMessage, value: string): void {
  const place = etagPlace(request.desc)
  if (place === undefined) return
  if (place.resource === undefined) request.set(place.etag, value)
  else if (request.isSet(place.resource)) (request.get(place.resource) as ReflectMessage).set(place.etag, value)
}
