import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import fc from "fast-check"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { readSchema } from "./schema-rules.ts"

const read = (schema: JsonValue) => readSchema(schema, (pattern) => !pattern.includes("(?="))
const nested = (levels: number): JsonObject => (levels === 0 ? {} : { not: nested(levels - 1) })

test.each<[string, JsonValue, string[]]>([
  ["no schema", 7, [""]],
  ["a type that there is not", { type: "strnig" }, ["/type"]],
  ["a type twice", { type: ["null", "null"] }, ["/type"]],
  [
    "keywords of a wrong form",
    { minLength: -1, multipleOf: 0, required: "a", uniqueItems: 1, enum: [], maximum: "1" },
    ["/minLength", "/multipleOf", "/required", "/uniqueItems", "/enum", "/maximum"],
  ],
  ["no list of schemas", { allOf: {}, anyOf: [], prefixItems: [1] }, ["/allOf", "/anyOf", "/prefixItems/0"]],
  ["a fault far below", { properties: { "a/b~c": { items: { if: { const: 1 }, else: [] } } } }, ["/properties/a~1b~0c/items/else"]],
  ["an expression that goes back", { pattern: "(?=a)b", patternProperties: { "(?=x)": {} } }, ["/pattern", "/patternProperties/(?=x)"]],
  ["an expression without end", { pattern: "a".repeat(limits.SCHEMA_PATTERN_LENGTH_MAX + 1) }, ["/pattern"]],
  ["a reference to elsewhere", { $ref: "https://example.com/" }, ["/$ref"]],
  ["a reference to a file", { $ref: "other.json#/a" }, ["/$ref"]],
  ["a reference to nothing", { $ref: "#/$defs/a" }, ["/$ref"]],
  ["a reference to what is no schema", { const: { a: 1 }, items: { $ref: "#/const" } }, ["/items/$ref"]],
  ["a reference to itself", { $ref: "#" }, [""]],
  [
    "references in a circle",
    { $ref: "#/$defs/a", $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { if: { $ref: "#/$defs/a" } } } },
    ["/$defs/a"],
  ],
  ["another dialect", { $schema: "http://json-schema.org/draft-07/schema#" }, ["/$schema"]],
  [
    "names for places",
    { $anchor: "a", $dynamicRef: "#a", properties: { a: { $id: "b" } } },
    ["/$anchor", "/$dynamicRef", "/properties/a/$id"],
  ],
  ["a name that is none", { properties: JSON.parse('{"__proto__":{}}') as JsonValue }, ["/properties/__proto__"]],
  ["too many levels", nested(limits.SCHEMA_DEPTH_MAX + 1), ["/not".repeat(limits.SCHEMA_DEPTH_MAX + 1)]],
])("%s is refused at its place", (_, schema, places) => {
  expect(read(schema).faults.map(({ field }) => field)).toEqual(places)
})

test("what a schema says of payloads stays, and what says nothing is left out", () => {
  const said = {
    type: ["object", "null"],
    properties: { a: { $ref: "#/$defs/tree" }, b: true },
    $defs: { tree: { type: "object", properties: { next: { $ref: "#/$defs/tree" } } } },
    patternProperties: { "^x": { format: "email", not: { const: null } } },
    dependentRequired: { a: ["b"] },
    unevaluatedProperties: false,
    required: ["a"],
  }
  const unsaid = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://example.com/",
    title: "t",
    "x-more": 1,
    $comment: "c",
    format: "money",
  }
  expect(read({ ...unsaid, ...said })).toEqual({ schema: said, faults: [] })
  expect(read(nested(limits.SCHEMA_DEPTH_MAX)).faults).toEqual([])
})

test("any JSON is read without a fault of ours, with bounded faults of its own", () => {
  const keyword = fc.constantFrom(
    "allOf",
    "items",
    "properties",
    "$ref",
    "$defs",
    "type",
    "pattern",
    "required",
    "const",
    "__proto__",
    "not",
    "then",
  )
  const leaf = fc.constantFrom<JsonValue>(true, 1, "#", "#/$defs", "#/not", "null", ["a"], null, {})
  const level = (below: fc.Arbitrary<JsonValue>) =>
    fc.dictionary(keyword, fc.oneof(below, fc.array(below, { maxLength: 2 })), { maxKeys: 4 })
  const schema = fc.oneof(leaf, level(fc.oneof(leaf, level(fc.oneof(leaf, level(leaf))))))
  fc.assert(
    fc.property(schema, (value) => {
      const { faults, schema: copy } = read(value)
      expect(faults.length).toBeLessThanOrEqual(limits.SCHEMA_VIOLATIONS_MAX)
      // What was found in order is in order.
      if (faults.length === 0) expect(read(copy)).toEqual({ schema: copy, faults: [] })
    }),
  )
})
