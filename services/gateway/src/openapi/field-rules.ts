import { create, type DescField, type DescMessage, getOption } from "@bufbuild/protobuf"
import { reflect, type ReflectList, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { createValidator } from "@bufbuild/protovalidate"
import { assert } from "@posthorn/core"
import { documentation, fieldRules, FieldRulesSchema, Ignore } from "@posthorn/proto"

/** A JSON Schema of 2020-12, as OpenAPI 3.1 has them. */
export type Schema = Readonly<Record<string, unknown>>

const validator = createValidator()

/** What the rules of a field ask of its value. Throws for a rule that it cannot tell: what is documented is all of them or nothing. */
export function keywordsOf(field: DescField): Schema {
  const { format } = getOption(field, documentation)
  const rules = getOption(field, fieldRules)
  const keywords = { ...typeKeywords(reflect(FieldRulesSchema, rules)), ...(format === "" ? {} : { format }) }
  return rules.ignore === Ignore.IF_ZERO_VALUE
    ? { anyOf: [{ const: field.fieldKind === "scalar" ? zeroOf(field) : null }, keywords] }
    : keywords
}

/** What an enum's rules say it may not be. */
export function excludedNumbers(field: DescField): readonly number[] {
  const { type } = getOption(field, fieldRules)
  return type.case === "enum" ? type.value.notIn : []
}

/** The fields without which a message breaks its own rules. */
export function neededFields(desc: DescMessage): ReadonlySet<DescField> {
  const broken = validator.validate(desc, create(desc)).violations ?? []
  const judged = broken.flatMap(({ field: [first] }) => (first?.kind === "field" ? [first] : []))
  return new Set([...judged, ...desc.fields.filter(isNeededByWord)])
}

/** Rules that are kept elsewhere are not judged; those that ask for something to be there are read as they stand. */
function isNeededByWord(field: DescField): boolean {
  const { ignore, type } = getOption(field, fieldRules)
  if (ignore !== Ignore.ALWAYS) return false
  return (type.case === "string" && type.value.minLen > 0n) || (type.case === "repeated" && type.value.minItems > 0n)
}

function zeroOf(field: DescField & { fieldKind: "scalar" }): unknown {
  const zero = field.getDefaultValue() ?? 0
  return typeof zero === "bigint" ? Number(zero) : zero
}

function typeKeywords(rules: ReflectMessage): Schema {
  const type = rules.oneofs.find(({ name }) => name === "type")
  const chosen = type && rules.oneofCase(type)
  // How many bytes there are is not how long their base64 is.
  if (chosen === undefined || chosen.name === "bytes") return {}
  const set = rules.get(chosen) as ReflectMessage
  return Object.assign({}, ...set.fields.filter((rule) => set.isSet(rule)).map((rule) => keyword(rule, set))) as Schema
}

function keyword(rule: DescField, rules: ReflectMessage): Schema {
  const toKeyword = KEYWORDS[rule.name]
  assert(toKeyword !== undefined, `${rules.desc.typeName}.${rule.name} has no translation`)
  return toKeyword(rules.get(rule))
}

const number = (value: unknown): number => Number(value)
const values = (list: unknown): unknown[] => [...(list as ReflectList)].map((value) => (typeof value === "bigint" ? Number(value) : value))
const inner = (rules: unknown): Schema => typeKeywords(rules as ReflectMessage)

const KEYWORDS: Readonly<Record<string, (value: unknown) => Schema>> = {
  len: (value) => ({ minLength: number(value), maxLength: number(value) }),
  min_len: (value) => ({ minLength: number(value) }),
  max_len: (value) => ({ maxLength: number(value) }),
  pattern: (value) => ({ pattern: value }),
  in: (value) => ({ enum: values(value) }),
  const: (value) => ({ const: value }),
  gt: (value) => ({ exclusiveMinimum: number(value) }),
  gte: (value) => ({ minimum: number(value) }),
  lt: (value) => ({ exclusiveMaximum: number(value) }),
  lte: (value) => ({ maximum: number(value) }),
  min_items: (value) => ({ minItems: number(value) }),
  max_items: (value) => ({ maxItems: number(value) }),
  unique: () => ({ uniqueItems: true }),
  items: (value) => ({ items: inner(value) }),
  min_pairs: (value) => ({ minProperties: number(value) }),
  max_pairs: (value) => ({ maxProperties: number(value) }),
  keys: (value) => ({ propertyNames: inner(value) }),
  values: (value) => ({ additionalProperties: inner(value) }),
  example: (value) => ({ examples: values(value) }),
  // Enums are written out, and a text of ours that is not UTF-8 cannot be.
  defined_only: () => ({}),
  not_in: () => ({}),
}
