import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { JSON_DEPTH_MAX } from "../limits.ts"
import { type ByteRange, jsonElements, jsonMembers } from "./json-members.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array, { start, end }: ByteRange): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end))

/** JSON text with every freedom that JSON leaves: white space, escapes and spellings of numbers that no serializer of ours would choose. */
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const plainString = fc
  .oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", '\\"', "]},{[:", "é", "\u{1f600}", "__proto__"))
  .map((text) => text.toWellFormed())
const stringText = fc
  .tuple(plainString, fc.boolean())
  .map(([text, escapeAll]) =>
    escapeAll
      ? `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`
      : JSON.stringify(text),
  )
const numberText = fc.oneof(fc.constantFrom("1.0", "-0", "1E+2", "0.10", "12345678901234567890.5", "1e-7"), fc.integer().map(String))
const { value: valueText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(stringText, numberText, fc.constantFrom("true", "false", "null")),
    fc.array(fc.tuple(space, tie("value"), space), { maxLength: 4 }).map((items) => `[${items.map((item) => item.join("")).join(",")}]`),
    fc
      .array(fc.tuple(space, stringText, space, space, tie("value"), space), { maxLength: 4 })
      .map((items) => `{${items.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(",")}}`),
  ),
}))

describe("jsonMembers", () => {
  test("finds every member with exactly the bytes that were written", () => {
    const member = fc.tuple(space, stringText, space, space, valueText, space)
    const members = fc.uniqueArray(member, { selector: ([, name]) => JSON.parse(name) as string, maxLength: 6 })
    fc.assert(
      fc.property(members, space, space, (list, before, after) => {
        const bytes = encode(`${before}{${list.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(",")}}${after}`)
        const found = jsonMembers(bytes)
        if (!(found instanceof Map)) throw new Error(`refused: ${JSON.stringify(found)}`)
        expect([...found].map(([name, range]) => [name, decode(bytes, range as ByteRange)])).toEqual(
          list.map(([, name, , , value]) => [JSON.parse(name), value]),
        )
      }),
      { numRuns: 500 },
    )
  })

  test("ends on any bytes, well-formed or not", () => {
    const soup = fc.array(fc.oneof(fc.constantFrom(...encode('{}[]",:\\ 1')), fc.integer({ min: 0, max: 255 })), { maxLength: 60 })
    fc.assert(
      fc.property(soup, (bytes) => {
        const input = Uint8Array.from([0x7b, ...bytes])
        for (const found of [jsonMembers(input), jsonElements(Uint8Array.from([0x5b, ...bytes]))]) {
          if ("reason" in found) continue
          for (const { start, end } of found.values()) expect(start >= 0 && start <= end && end <= input.length).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test("refuses a name that is there twice, however it is spelled, but not inside a value", () => {
    expect(jsonMembers(encode('{"data":1,"d\\u0061ta":2}'))).toEqual({ field: "data", reason: "is there twice" })
    expect(jsonMembers(encode('{"a":{"b":1,"b":2}}'))).toBeInstanceOf(Map)
  })

  test("refuses nesting one deeper than the bound, and counts no bracket inside a string", () => {
    const nested = (depth: number) => encode(`{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`)
    expect(jsonMembers(nested(JSON_DEPTH_MAX))).toBeInstanceOf(Map)
    expect(jsonMembers(nested(JSON_DEPTH_MAX + 1))).toMatchObject({ reason: expect.stringContaining("nested deeper") as string })
    expect(jsonMembers(encode(`{"a":"${"[".repeat(200)}"}`))).toBeInstanceOf(Map)
  })

  test.each(["", " ", "[]", "null", '"{}"', "1", "{"])("refuses %j, which is not an object", (text) => {
    expect(jsonMembers(encode(text))).toEqual({ field: "", reason: "must be a JSON object" })
  })
})

describe("jsonElements", () => {
  test("finds every element of an array that lies inside an object", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(space, valueText, space), { maxLength: 6 }), (list) => {
        const bytes = encode(`{"é":0, "events" : [${list.map((item) => item.join("")).join(",")}] }`)
        const members = jsonMembers(bytes)
        const events = members instanceof Map ? (members.get("events") as ByteRange) : undefined
        const found = jsonElements(bytes, events)
        if ("reason" in found) throw new Error(`refused: ${JSON.stringify(found)}`)
        expect(found.map((range) => decode(bytes, range))).toEqual(list.map(([, value]) => value))
      }),
      { numRuns: 500 },
    )
  })
})
