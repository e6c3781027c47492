import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import fc from "fast-check"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { filterFailure, type FilterSubject } from "./filter.ts"
import { filterViolations } from "./filter-rules.ts"
import { filterSubjectOf, passing } from "./filter-subject.ts"

const event = (data: JsonValue, more: Partial<FilterSubject> = {}): FilterSubject => ({
  type: "order.created",
  metadata: { source: "api" },
  data,
  ...more,
})
const takes = (filter: JsonObject, subject: FilterSubject) => filterFailure(filter, subject) === undefined
const takesData = (condition: JsonValue, data: JsonValue) => takes({ data: condition }, event(data))

test("a filter mirrors the event, and all of it has to hold", () => {
  const filter = {
    data: { amount: { $gte: 100 }, customer: { country: "CH" } },
    metadata: { source: "api" },
    type: { $startsWith: "order." },
  }
  const data = { amount: 100, customer: { country: "CH" } }
  expect(takes(filter, event(data))).toBe(true)
  expect(filterFailure(filter, event({ ...data, amount: 99 }))).toEqual({
    path: "data.amount",
    operator: "$gte",
    expected: 100,
    actual: 99,
  })
  expect(filterFailure(filter, event({ ...data, customer: {} }))).toEqual({
    path: "data.customer.country",
    operator: "$eq",
    expected: "CH",
    actual: undefined,
  })
  expect(filterFailure(filter, event(data, { type: "user.created" }))).toMatchObject({ path: "type", operator: "$startsWith" })
  expect(takes({}, event(null))).toBe(true)
})

test.each<[string, JsonValue, JsonValue[], JsonValue[]]>([
  ["equality never converts", { a: 1 }, [{ a: 1 }, { a: 1.0 }], [{ a: "1" }, { a: true }, { a: null }, {}]],
  ["null is there, absent is not", { a: null }, [{ a: null }], [{}, { a: 0 }, { a: "" }]],
  ["what exists may be null", { a: { $exists: true } }, [{ a: null }, { a: [] }], [{}]],
  ["absence", { a: { $exists: false } }, [{}, 7, { b: 1 }], [{ a: null }]],
  ["absent is not equal to anything", { a: { $neq: 1 } }, [{}, { a: 2 }, { a: "1" }], [{ a: 1 }]],
  ["order is within numbers and within texts", { a: { $gt: 9 } }, [{ a: 10 }], [{ a: 9 }, { a: "10" }, { a: null }, { a: true }, {}]],
  [
    "times in one form compare as texts",
    { a: { $lt: "2026-02" } },
    [{ a: "2026-01-31T00:00:00Z" }],
    [{ a: "2026-02-01T00:00:00Z" }, { a: 1 }],
  ],
  ["a span", { a: { $gte: 5, $lte: 10 } }, [{ a: 5 }, { a: 10 }, { a: [1, 7] }], [{ a: 4 }, { a: [1, 20] }]],
  ["one of several", { a: { $in: [1, "x", null] } }, [{ a: 1 }, { a: "x" }, { a: null }], [{ a: 2 }, {}]],
  ["none of several", { a: { $nin: [1, "x"] } }, [{ a: 2 }, {}, { a: [2, 3] }], [{ a: 1 }, { a: [2, 1] }]],
  ["ends and parts of texts", { a: { $endsWith: "ch", $contains: "x." } }, [{ a: "x.ch" }], [{ a: "x.de" }, { a: "ch" }, { a: 1 }]],
  ["an array has an element", { a: { $contains: "b" } }, [{ a: ["a", "b"] }, { a: "abc" }], [{ a: ["abc"] }, { a: [] }, {}]],
  ["one element is enough", { a: "b" }, [{ a: ["a", "b"] }, { a: "b" }], [{ a: [] }, { a: [["b"]] }, { a: "ab" }]],
  ["no element is equal", { a: { $neq: "b" } }, [{ a: ["a"] }, { a: [] }], [{ a: ["a", "b"] }]],
  [
    "one element fulfils all of it",
    { items: { sku: "A", count: { $gte: 2 } } },
    [{ items: [{ sku: "B" }, { sku: "A", count: 2 }] }, { items: { sku: "A", count: 3 } }],
    [
      {
        items: [
          { sku: "A", count: 1 },
          { sku: "B", count: 5 },
        ],
      },
      { items: [] },
      { items: [[{ sku: "A", count: 2 }]] },
    ],
  ],
  ["different elements may fulfil parts of $and", { a: { $and: [{ $gt: 8 }, { $lt: 2 }] } }, [{ a: [1, 9] }], [{ a: [1, 2] }]],
  ["either", { $or: [{ a: 1 }, { b: { $gt: 1 } }] }, [{ a: 1 }, { b: 2 }], [{ a: 2, b: 1 }, {}]],
  [
    "not",
    { a: { $not: { b: 1, c: 2 } } },
    [{}, { a: { b: 1 } }, { a: [{ b: 1 }, { c: 2 }] }],
    [{ a: { b: 1, c: 2 } }, { a: [{ b: 1, c: 2 }] }],
  ],
  ["inherited names are not there", { toString: { $exists: true } }, [{ toString: 1 }], [{}, "text", []]],
  ["the length of an array is no member", { a: { length: 1 } }, [{ a: { length: 1 } }], [{ a: ["x"] }]],
])("%s", (_, condition, taken, refused) => {
  expect(filterViolations({ data: condition }, "filter")).toEqual([])
  for (const data of taken) expect(takesData(condition, data), JSON.stringify(data)).toBe(true)
  for (const data of refused) expect(takesData(condition, data), JSON.stringify(data)).toBe(false)
})

test("conditions on the event itself combine", () => {
  const filter = { $or: [{ type: "a" }, { $not: { metadata: { source: "api" } } }, { data: { $contains: 1 } }] }
  expect(takes(filter, event([1]))).toBe(true)
  expect(takes(filter, event([2], { type: "a" }))).toBe(true)
  expect(takes(filter, event([2], { metadata: {} }))).toBe(true)
  expect(filterFailure(filter, event([2]))).toMatchObject({ path: "", operator: "$or" })
})

test("a condition on data fails, whatever it is, for a payload that is not JSON, and no other does", () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const subject = (payload: Uint8Array) => filterSubjectOf({ type: "t", metadata: { a: "1" }, payload })
  for (const payload of [bytes(""), bytes("{"), bytes("a=b"), new Uint8Array([0x22, 0xff, 0x22])]) {
    expect(takes({ metadata: { a: "1" }, type: "t" }, subject(payload))).toBe(true)
    for (const condition of [{ $exists: false }, { $neq: 1 }, { $not: { a: 1 } }])
      expect(filterFailure({ data: condition }, subject(payload))).toMatchObject({ path: "data", operator: "$exists", actual: undefined })
    expect(takes({ $not: { data: { a: 1 } } }, subject(payload))).toBe(true)
  }
  expect(takes({ data: null }, subject(bytes("null")))).toBe(true)
})

test("names of prototypes are names like any other", () => {
  const parsed = (text: string) => JSON.parse(text) as JsonObject
  const filter = parsed('{"data":{"__proto__":{"polluted":true},"constructor":{"$exists":false}}}')
  expect(filterViolations(filter, "filter")).toEqual([])
  expect(takes(filter, event(parsed('{"__proto__":{"polluted":true}}')))).toBe(true)
  expect(takes(filter, event({ polluted: true }))).toBe(false)
  expect(takes(parsed('{"data":{"hasOwnProperty":1}}'), event(parsed('{"hasOwnProperty":1}')))).toBe(true)
})

test("a payload nested to the last byte is evaluated like any other", () => {
  const depth = limits.PAYLOAD_BYTES_MAX / 2
  const subject = filterSubjectOf({ type: "t", metadata: {}, payload: new TextEncoder().encode("[".repeat(depth) + "]".repeat(depth)) })
  expect(subject.data).toBeDefined()
  expect(takes({ data: { a: 1 } }, subject)).toBe(false)
  expect(takes({ data: { $not: { $contains: 1 } } }, subject)).toBe(true)
})

test("an event that takes too many comparisons is not taken, whatever the filter would say", () => {
  const long = event(Array.from({ length: limits.FILTER_STEPS_MAX }, () => 1))
  for (const data of [2, { $neq: 2 }, { $nin: [2] }, { $or: [3, { $not: 2 }] }])
    expect(filterFailure({ data }, long)).toMatchObject({ operator: "$steps" })
  const text = event("x".repeat(limits.FILTER_STEPS_MAX * 10))
  const searches = (count: number) => ({ data: { $not: { $or: Array.from({ length: count }, () => ({ $contains: "y" })) } } })
  expect(takes(searches(5), text)).toBe(true)
  expect(filterFailure(searches(15), text)).toMatchObject({ operator: "$steps" })
})

const name = fc.constantFrom("a", "b", "__proto__")
const scalar = fc.constantFrom<JsonValue>(null, true, false, 0, -0, 1, 2, "", "a", "ab", "b")
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 3 }).map(Object.fromEntries),
  ),
}))
const { condition, object } = fc.letrec<{ condition: JsonValue; object: JsonObject }>((tie) => ({
  condition: fc.oneof({ depthSize: "small" }, scalar, tie("object")),
  object: fc
    .array(
      fc.oneof(
        fc.tuple(fc.constantFrom("$eq", "$neq", "$contains"), scalar),
        fc.tuple(fc.constantFrom("$gt", "$gte", "$lt", "$lte"), fc.constantFrom<JsonValue>(0, 1, "a", "ab")),
        fc.tuple(fc.constantFrom("$in", "$nin"), fc.array(scalar, { minLength: 1, maxLength: 3 })),
        fc.tuple(fc.constantFrom("$startsWith", "$endsWith"), fc.constantFrom("", "a", "b")),
        fc.tuple(fc.constant("$exists"), fc.boolean()),
        fc.tuple(fc.constant("$not"), tie("condition")),
        fc.tuple(fc.constantFrom("$and", "$or"), fc.array(tie("condition"), { minLength: 1, maxLength: 3 })),
        fc.tuple(name, tie("condition")),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((entries) => Object.fromEntries<JsonValue>(entries)),
}))

/** The rules as they are told, one after the other. */
function holds(rule: JsonValue, at: JsonValue | undefined): boolean {
  if (typeof rule !== "object" || rule === null) return holds({ $eq: rule }, at)
  const entries = Object.entries(rule as JsonObject)
  const whole = entries.filter(([key]) => ["$neq", "$nin", "$exists", "$contains", "$not", "$and", "$or"].includes(key))
  const rest = entries.filter((entry) => !whole.includes(entry))
  const member = (of: JsonValue | undefined, key: string) =>
    typeof of === "object" && of !== null && !Array.isArray(of) && Object.keys(of).includes(key) ? of[key] : undefined
  const comparable = (a: JsonValue | undefined, b: JsonValue): a is number | string =>
    typeof a === typeof b && (typeof a === "number" || typeof a === "string")
  const one = (of: JsonValue | undefined): boolean =>
    rest.every(([key, operand]) => {
      const text = operand as string
      if (key === "$eq") return of === operand
      if (key === "$in") return (operand as JsonValue[]).some((each) => each === of)
      if (key === "$startsWith") return typeof of === "string" && of.slice(0, text.length) === text
      if (key === "$endsWith") return typeof of === "string" && of.length >= text.length && of.slice(of.length - text.length) === text
      if (key === "$gt") return comparable(of, operand) && of > text
      if (key === "$gte") return comparable(of, operand) && of >= text
      if (key === "$lt") return comparable(of, operand) && of < text
      if (key === "$lte") return comparable(of, operand) && of <= text
      return holds(operand, member(of, key))
    })
  const contained = (operand: JsonValue): boolean =>
    Array.isArray(at) ? at.some((each) => each === operand) : typeof at === "string" && typeof operand === "string" && at.includes(operand)
  const onTheWhole = whole.every(([key, operand]) => {
    if (key === "$neq") return !holds({ $eq: operand }, at)
    if (key === "$nin") return !holds({ $in: operand }, at)
    if (key === "$exists") return operand === (at !== undefined)
    if (key === "$contains") return contained(operand)
    if (key === "$not") return !holds(operand, at)
    if (key === "$and") return (operand as JsonValue[]).every((each) => holds(each, at))
    return (operand as JsonValue[]).some((each) => holds(each, at))
  })
  return onTheWhole && (rest.length === 0 || (Array.isArray(at) ? at.some(one) : one(at)))
}

test("for every filter and event the answer is the one of a model that follows the rules word by word", () => {
  fc.assert(
    fc.property(condition, value, (data, given) => {
      expect(filterViolations({ data }, "filter")).toEqual([])
      expect(takesData(data, given)).toBe(holds(data, given))
    }),
    { numRuns: 3000 },
  )
})

test("no JSON at all makes a filter throw, or its rules", () => {
  fc.assert(
    fc.property(fc.oneof(object, fc.dictionary(fc.string(), fc.jsonValue())), fc.jsonValue(), (filter, data) => {
      filterViolations(filter as JsonObject, "filter")
      filterFailure(filter as JsonObject, event(data as JsonValue))
    }),
    { numRuns: 1000 },
  )
})

test("every fault of a filter is told at once, with its path", () => {
  const filter = {
    other: 1,
    $eq: 1,
    data: {
      a: {},
      b: [1],
      c: { $regex: "x" },
      d: { $gt: null },
      e: { $in: [] },
      f: { $or: {} },
      g: { $or: [{ $exists: "yes" }] },
      h: { $in: [[1]] },
    },
    metadata: { $not: { $startsWith: 1 } },
    $or: ["order", { data: 1 }, { type: 2, nothing: 3 }],
    type: Number.NaN,
  }
  expect(filterViolations(filter, "filter").map(({ field }) => field)).toEqual([
    "filter.other",
    "filter.$eq",
    "filter.data.a",
    "filter.data.b",
    "filter.data.c.$regex",
    "filter.data.d.$gt",
    "filter.data.e.$in",
    "filter.data.f.$or",
    "filter.data.g.$or[0].$exists",
    "filter.data.h.$in",
    "filter.metadata.$not.$startsWith",
    "filter.$or[0]",
    "filter.$or[2].nothing",
    "filter.type",
  ])
})

test("a filter is bounded in bytes, clauses and depth", () => {
  const reasons = (filter: JsonObject) => filterViolations(filter, "filter").map(({ reason }) => reason)
  const clauses = (count: number) => ({ data: { $or: Array.from({ length: count - 1 }, (_, at) => at) } })
  expect(reasons(clauses(limits.FILTER_CLAUSES_MAX))).toEqual([])
  expect(reasons(clauses(limits.FILTER_CLAUSES_MAX + 1))).toEqual(["must have at most 100 clauses, has 101"])
  const deep = (depth: number): JsonValue => (depth === 0 ? 1 : { a: deep(depth - 1) })
  expect(reasons({ data: deep(limits.FILTER_DEPTH_MAX - 2) })).toEqual([])
  expect(reasons({ data: deep(90) })).toEqual(["is nested deeper than 16"])
  expect(reasons({ type: "x".repeat(limits.FILTER_BYTES_MAX) })).toEqual([expect.stringContaining("must have at most 8192 bytes")])
})

test("a payload is read once, and not at all when nobody has a filter", () => {
  let reads = 0
  const given = {
    type: "t",
    metadata: {},
    get payload() {
      reads++
      return new TextEncoder().encode('{"a":1}')
    },
  }
  const wanting = (filter?: JsonObject) => ({ subscription: { $typeName: "posthorn.v1.Subscription", filter } as never })
  const plain = [wanting(), wanting()]
  expect(passing(given, plain)).toBe(plain)
  expect(reads).toBe(0)
  const mixed = [wanting({ data: { a: 1 } }), wanting({ data: { a: 2 } }), wanting()]
  expect(passing(given, mixed)).toEqual([mixed[0], mixed[2]])
  expect(reads).toBe(1)
})
