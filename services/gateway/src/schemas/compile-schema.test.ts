import type { JsonValue } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import { expect, test } from "vitest"
import { compileSchema } from "./compile-schema.ts"

function violations(schema: JsonValue, payload: JsonValue) {
  const check = compileSchema(schema)
  if (typeof check !== "function") throw new Error(JSON.stringify(check))
  return check(payload).map(({ field, reason }) => `${field}: ${reason}`)
}

/** What JSON Schema 2020-12 says and earlier dialects do not, and what a validator gets wrong easily. */
test.each<[string, JsonValue, JsonValue[], JsonValue[]]>([
  ["prefixItems", { prefixItems: [{ type: "number" }], items: { type: "string" } }, [[], [1], [1, "a"]], [["a"], [1, 2]]],
  ["unevaluatedProperties", { allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, [{}, { a: 1 }], [{ b: 1 }]],
  [
    "unevaluatedItems",
    { prefixItems: [true], anyOf: [{ prefixItems: [true, { const: 2 }] }, true], unevaluatedItems: false },
    [[1], [1, 2]],
    [[1, 3]],
  ],
  ["dependentRequired", { dependentRequired: { a: ["b"] } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
  ["dependentSchemas", { dependentSchemas: { a: { required: ["b"] } } }, [{ b: 1 }], [{ a: 1 }]],
  [
    "minContains",
    { contains: { const: 1 }, minContains: 2, maxContains: 2 },
    [
      [1, 1],
      [1, 2, 1],
    ],
    [[1], [1, 1, 1]],
  ],
  ["a $ref beside others", { $ref: "#/$defs/a", maxLength: 2, $defs: { a: { type: "string" } } }, ["ab"], ["abc", 1]],
  ["references into places", { properties: { a: { type: "number" }, b: { $ref: "#/properties/a" } } }, [{ b: 1 }], [{ b: "x" }]],
  [
    "recursion",
    { $ref: "#/$defs/t", $defs: { t: { properties: { n: { $ref: "#/$defs/t" }, v: { type: "number" } } } } },
    [{ n: { n: { v: 1 } } }],
    [{ n: { n: { v: "" } } }],
  ],
  [
    "names of Object's own members",
    { required: ["toString"], properties: { constructor: { type: "number" } } },
    [{ toString: 1 }],
    [{}, { toString: 1, constructor: "" }],
  ],
  [
    "several patterns",
    { properties: { a: { pattern: "^a$" }, b: { pattern: "^b$" } }, patternProperties: { "^c": { type: "null" } } },
    [{ a: "a", b: "b", c: null }],
    [{ a: "b" }, { b: "a" }, { c: 1 }],
  ],
  ["patterns of ECMAScript", { pattern: "^\\p{Lu}\\u00e9\\d{2}(?<name>x)\\/$" }, ["Éé12x/"], ["é12x/", "Éé1x/"]],
  ["length in characters", { maxLength: 1 }, ["\u{1f600}"], ["ab"]],
  ["formats", { format: "date-time" }, ["2026-02-28T00:00:00Z", 7], ["2026-02-30T00:00:00Z"]],
  ["formats that nobody knows", { format: "money" }, ["x"], []],
  [
    "if",
    JSON.parse('{"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}') as JsonValue,
    [{ a: 1, b: 1 }, { c: 1 }],
    [{ a: 1 }, {}],
  ],
  ["false", { properties: { a: false } }, [{}], [{ a: null }]],
  ["const of objects", { const: { a: [1, { b: null }] } }, [{ a: [1, { b: null }] }], [{ a: [1, {}] }]],
])("%s", (_, schema, fitting, others) => {
  expect(fitting.map((payload) => violations(schema, payload))).toEqual(fitting.map(() => []))
  for (const payload of others) expect(violations(schema, payload), JSON.stringify(payload)).not.toEqual([])
})

test("violations name their place and what is wanted, at most so many, none of them long", () => {
  const schema = { properties: { "a/b": { items: { type: "number" } } }, additionalProperties: false }
  expect(violations(schema, { "a/b": [1, "x"], more: 1 })).toEqual([
    "data: must NOT have additional properties: more",
    "data/a~1b/1: must be number",
  ])
  const many = violations(schema, { "a/b": Array.from({ length: 1000 }, () => "x"), ["k".repeat(10_000)]: 1 })
  expect(many).toHaveLength(limits.SCHEMA_VIOLATIONS_MAX)
  expect(Math.max(...many.map(({ length }) => length))).toBeLessThan(500)
})

test("a schema becomes no code of its author's", () => {
  const texts = [
    '"+process.exit()+"',
    "`${process.exit()}`",
    "'];process.exit()//",
    "\u2028process.exit()",
    "*/process.exit()/*",
    "constructor",
    "valueOf",
  ]
  for (const text of texts) {
    const schema = {
      properties: { [text]: { const: text, enum: [text, { [text]: text }] } },
      required: [text],
      dependentRequired: { [text]: [text] },
      dependentSchemas: { [text]: { $ref: `#/$defs/${encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"))}` } },
      $defs: { [text]: { type: "object" } },
      title: text,
      format: text,
    }
    expect(violations(schema, { [text]: text })).toEqual([])
    expect(violations(schema, { [text]: 1 })).toHaveLength(2)
    expect(violations({ ...schema, maxProperties: 0 }, {})).toHaveLength(1)
  }
})

test("patterns take time by the length of the text alone", () => {
  for (const pattern of ["^(a+)+$", "(a|a)*$", "(.*a){20}$", "^(\\w+\\s?)*$"])
    expect(violations({ pattern }, `${"a".repeat(5_000)}!`).length).toBeLessThanOrEqual(1)
  for (const pattern of ["(?=a)", "(?<!a)b", "(a)\\1", "(?<x>a)\\k<x>", "["])
    expect(compileSchema({ pattern })).toMatchObject([{ field: "/pattern" }])
})

test("formats take time by the length of the text alone", () => {
  for (const format of [
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
    for (const text of [
      `a@${"a".repeat(100_000)}`,
      "1".repeat(100_000),
      "a.".repeat(50_000),
      `a:${"/a".repeat(50_000)} `,
      ":".repeat(100_000),
      `P${"1Y".repeat(50_000)}`,
    ])
      expect(violations({ format }, text).length).toBeLessThanOrEqual(1)
})
