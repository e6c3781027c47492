import { type DescEnum, type DescField, type DescMessage, type JsonObject, type JsonValue, mergeFromJson } from "@bufbuild/protobuf"
import { reflect, type ReflectList, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import type { Violation } from "@posthorn/core"
import { numberOf } from "./enum-words.ts"
import { expectation, isWellKnown } from "./json-shape.ts"

/**
 * Reads members of a JSON object into the fields of `target` that they name, in either spelling. Everything that cannot be read is answered, not the
 * first fault alone; `path` stands before the names (`subscription.`).
 */
export function readMembers(target: ReflectMessage, json: JsonObject, path = ""): Violation[] {
  const seen = new Set<DescField>()
  return Object.entries(json).flatMap(([name, value]) => {
    const field = fieldNamed(target.desc, name)
    if (field === undefined) return [{ field: path + name, reason: "is not known" }]
    if (seen.has(field)) return [{ field: path + field.name, reason: "is there twice, in two spellings" }]
    seen.add(field)
    return readField({ target, field, path: path + field.name }, value)
  })
}

/** The field that a name stands for, as the contract or as JSON spells it. */
export function fieldNamed(desc: DescMessage, name: string): DescField | undefined {
  return namesOf(desc).get(name)
}

interface Place {
  readonly target: ReflectMessage
  readonly field: DescField
  readonly path: string
}

function readField({ target, field, path }: Place, value: JsonValue): Violation[] {
  if (value !== null && field.fieldKind === "message" && !isWellKnown(field.message)) {
    if (!isObject(value)) return [{ field: path, reason: expectation(field) }]
    const part = reflect(field.message)
    target.set(field, part)
    return readMembers(part, value, `${path}.`)
  }
  if (Array.isArray(value) && field.fieldKind === "list" && field.listKind === "message" && !isWellKnown(field.message)) {
    const list: ReflectList = target.get(field)
    return value.flatMap((item, at) => {
      if (!isObject(item)) return [{ field: `${path}[${at}]`, reason: "must be an object" }]
      const part = reflect(field.message)
      list.add(part)
      return readMembers(part, item, `${path}[${at}].`)
    })
  }
  try {
    mergeFromJson(target.desc, target.message, { [field.jsonName]: numbered(field, value) })
    return []
  } catch {
    return [{ field: path, reason: expectation(field) }] // Its own message would repeat what was sent.
  }
}

/** Words of enums as numbers; a word that names no value stays, and is then refused. */
function numbered(field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind === "enum") return enumNumber(field.enum, value)
  if (field.fieldKind === "list" && field.listKind === "enum" && Array.isArray(value))
    return value.map((item) => enumNumber(field.enum, item))
  return value
}

function enumNumber(desc: DescEnum, value: JsonValue): JsonValue {
  if (typeof value === "number") return String(value) // The numbers of the contract are no part of REST: as a text it names no value.
  return typeof value === "string" ? (numberOf(desc, value) ?? value) : value
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

const known = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>()

function namesOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  const cached = known.get(desc)
  if (cached !== undefined) return cached
  const names = new Map(
    desc.fields.flatMap(
      (field) =>
        [
          [field.name, field],
          [field.jsonName, field],
        ] as const,
    ),
  )
  known.set(desc, names)
  return names
}
