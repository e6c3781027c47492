import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf"
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt"
import { assert } from "@posthorn/core"
import { documentation } from "@posthorn/proto"
import { wordOf } from "../doors/enum-words.ts"
import { isWellKnown } from "../doors/json-shape.ts"
import { publicMethods } from "../doors/methods.ts"
import { saidOf, saidOfField } from "./contract-words.ts"
import { excludedNumbers, keywordsOf, neededFields, type Schema } from "./field-rules.ts"

/**
 * What a schema is for: an `answer` has all that the server always sends; a `request` has rules, and takes null for what may be absent; a `patch` is a
 * request in which nothing is needed.
 */
export type Purpose = "answer" | "request" | "patch"

const SUFFIX: Readonly<Record<Purpose, string>> = { answer: "", request: "Input", patch: "Patch" }

/** The schemas of messages, each by a name of its own, made when they are first referred to. */
export class MessageSchemas {
  readonly components: Record<string, Schema> = {}
  readonly #answers = new Set(publicMethods.map(({ output }) => output.typeName))

  refTo(desc: DescMessage, purpose: Purpose): Schema {
    const name = `${desc.name}${SUFFIX[purpose]}`
    if (this.components[name] === undefined) {
      this.components[name] = {} // A message may have itself inside.
      this.components[name] = this.objectOf(desc, purpose)
    }
    return { $ref: `#/components/schemas/${name}` }
  }

  /** What a schema refers to, or itself. */
  resolve(schema: Schema): Schema {
    const name = typeof schema["$ref"] === "string" ? schema["$ref"].split("/").at(-1) : undefined
    return name === undefined ? schema : (this.components[name] ?? {})
  }

  /** The schema itself, without the fields in `except`. */
  objectOf(desc: DescMessage, purpose: Purpose, except: ReadonlySet<string> = new Set()): Schema {
    const fields = desc.fields.filter(({ name }) => !except.has(name))
    const needed = purpose === "answer" ? new Set(fields.filter((field) => this.#isAlwaysAnswered(field))) : neededFields(desc)
    const required = purpose === "patch" ? [] : fields.filter((field) => needed.has(field)).map(({ jsonName }) => jsonName)
    const description = saidOf(desc.typeName)
    return {
      type: "object",
      ...(description === "" ? {} : { description }),
      properties: Object.fromEntries(
        fields.map((field) => {
          const schema = this.schemaOf(field, purpose)
          return [field.jsonName, purpose === "answer" || needed.has(field) ? schema : orNull(schema)]
        }),
      ),
      ...(required.length === 0 ? {} : { required }),
      ...(purpose === "answer" ? {} : { additionalProperties: false, ...forbidden(desc, purpose) }),
      ...(purpose === "patch" ? { minProperties: 1 } : {}),
    }
  }

  /** What a field takes or shows, with its rules unless it is answered. */
  schemaOf(field: DescField, purpose: Purpose): Schema {
    const description = [saidOfField(field), field.enum === undefined ? "" : valuesOf(field.enum)]
      .filter((text) => text !== "")
      .join("\n\n")
    const type = this.#typeOf(field, purpose)
    const rules = purpose === "answer" ? {} : keywordsOf(field)
    return {
      ...merged(type, rules),
      ...(description === "" ? {} : { description }),
      ...(getOption(field, documentation).readOnly ? { readOnly: true } : {}),
    }
  }

  #typeOf(field: DescField, purpose: Purpose): Schema {
    switch (field.fieldKind) {
      case "scalar":
        return scalarSchema(field.scalar, purpose)
      case "enum":
        return enumSchema(field, field.enum)
      case "message":
        return this.#messageSchema(field.message, purpose)
      case "map":
        return { type: "object", additionalProperties: this.#valueSchema(field, purpose) }
      case "list":
        return { type: "array", items: this.#valueSchema(field, purpose) }
    }
  }

  #valueSchema(field: DescField & ({ fieldKind: "map" } | { fieldKind: "list" }), purpose: Purpose): Schema {
    if (field.message !== undefined) return this.#messageSchema(field.message, purpose)
    if (field.enum !== undefined) return enumSchema(field, field.enum)
    return scalarSchema(field.scalar, purpose)
  }

  /** Only what is patched itself has members that may be left out; what is inside of it is given whole. */
  #messageSchema(desc: DescMessage, purpose: Purpose): Schema {
    if (!isWellKnown(desc)) return this.refTo(desc, purpose === "patch" ? "request" : purpose)
    const schema = WELL_KNOWN[desc.typeName]
    assert(schema !== undefined, `${desc.typeName} has no schema`)
    return schema
  }

  /** As the encoder of REST leaves things out: what can be absent, enums that say nothing, and inside of lists empty lists of messages. */
  #isAlwaysAnswered(field: DescField): boolean {
    if (field.fieldKind === "list") return field.listKind !== "message" || this.#answers.has(field.parent.typeName)
    return field.fieldKind === "map" || (field.fieldKind === "scalar" && field.presence === FeatureSet_FieldPresence.IMPLICIT)
  }
}

const WELL_KNOWN: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Value": {},
  "google.protobuf.Struct": { type: "object" },
}

function scalarSchema(type: ScalarType, purpose: Purpose): Schema {
  switch (type) {
    case ScalarType.STRING:
      return { type: "string" }
    case ScalarType.BOOL:
      return { type: "boolean" }
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" }
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number", format: "double" }
    case ScalarType.INT32:
      return { type: "integer", format: "int32", ...(purpose === "answer" ? {} : { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }) }
    case ScalarType.UINT32:
      return { type: "integer", minimum: 0, ...(purpose === "answer" ? {} : { maximum: 2 ** 32 - 1 }) }
    case ScalarType.INT64:
      return { type: "string", format: "int64", pattern: "^-?[0-9]{1,18}$" }
    case ScalarType.UINT64:
      return { type: "string", format: "uint64", pattern: "^[0-9]{1,18}$" }
    default:
      throw new Error(`${ScalarType[type]} is not used in the contract`)
  }
}

function enumSchema(field: DescField, desc: DescEnum): Schema {
  const excluded = excludedNumbers(field)
  const words = desc.values.filter(({ number }) => !excluded.includes(number)).flatMap(({ number }) => wordOf(desc, number) ?? [])
  return { type: "string", enum: words }
}

/** What the contract says of each value. */
function valuesOf(desc: DescEnum): string {
  const told = desc.values.map(({ name, number }) => ({ word: wordOf(desc, number), text: saidOf(`${desc.typeName}.${name}`) }))
  return told
    .filter(({ word, text }) => word !== undefined && text !== "")
    .map(({ word, text }) => `- \`${word}\`: ${text.replaceAll("\n", " ")}`)
    .join("\n")
}

/** Rules of items, values and names join what is known of them already. */
function merged(type: Schema, rules: Schema): Schema {
  const joined = Object.fromEntries(
    ["items", "additionalProperties"]
      .filter((name) => name in type && name in rules)
      .map((name) => [name, { ...(type[name] as Schema), ...(rules[name] as Schema) }]),
  )
  return { ...type, ...rules, ...joined }
}

/** Null says as much as nothing. */
function orNull(schema: Schema): Schema {
  const { type, enum: values, anyOf } = schema
  if ("$ref" in schema) {
    const { $ref, ...rest } = schema
    return { anyOf: [{ $ref }, { type: "null" }], ...rest }
  }
  if (typeof type !== "string") return schema
  return {
    ...schema,
    type: [type, "null"],
    ...(Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {}),
    ...(Array.isArray(anyOf) ? { anyOf: [...(anyOf as unknown[]), { type: "null" }] } : {}),
  }
}

/** Of the members of a oneof at most one may be there; and a patch that has nothing but an etag changes nothing. */
function forbidden(desc: DescMessage, purpose: Purpose): Schema {
  const together = desc.oneofs.flatMap(({ fields }) =>
    fields.flatMap((one, at) => fields.slice(at + 1).map((other) => ({ required: [one.jsonName, other.jsonName] }))),
  )
  const unchanging = purpose === "patch" && "etag" in desc.field ? [{ required: ["etag"], maxProperties: 1 }] : []
  const cases = [...together, ...unchanging]
  return cases.length === 0 ? {} : { not: cases.length === 1 ? cases[0] : { anyOf: cases } }
}
