import { type DescField, type DescMessage, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf"
import { reflect, type ReflectList, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { isWellKnown } from "./json-shape.ts"
import { wordOf } from "./enum-words.ts"

/**
 * A message as REST shows it: every field, zero or not, in lowerCamelCase, and enums as short words. Left out are fields that can be absent and are,
 * and enums that say nothing. The items of a list, and so what is `insideList`, leave out their own empty lists of messages too, because those are
 * filled only in single reads.
 */
export function restJson(desc: DescMessage, message: Message, insideList = false): JsonObject {
  const json = toJson(desc, message, { alwaysEmitImplicit: true, enumAsInteger: true }) as JsonObject
  reword(reflect(desc, message), json, insideList)
  return json
}

function reword(message: ReflectMessage, json: JsonObject, insideList: boolean): void {
  for (const field of message.fields) {
    const value = json[field.jsonName]
    if (value === undefined) continue
    const worded = wordedValue({ message, field, insideList }, value)
    if (worded === undefined) delete json[field.jsonName]
    else json[field.jsonName] = worded
  }
}

interface Place {
  readonly message: ReflectMessage
  readonly field: DescField
  readonly insideList: boolean
}

function wordedValue({ message, field, insideList }: Place, value: JsonValue): JsonValue | undefined {
  if (field.fieldKind === "enum") return wordOf(field.enum, value as number)
  if (field.fieldKind === "message" && !isWellKnown(field.message)) reword(message.get(field), value as JsonObject, insideList)
  if (field.fieldKind !== "list") return value
  const items = value as JsonValue[]
  if (field.listKind === "enum") return items.map((item) => wordOf(field.enum, item as number) ?? null)
  if (field.listKind !== "message" || isWellKnown(field.message)) return items
  if (insideList && items.length === 0) return undefined
  const parts: ReflectList = message.get(field)
  items.forEach((item, at) => reword(parts.get(at) as ReflectMessage, item as JsonObject, true))
  return items
}
