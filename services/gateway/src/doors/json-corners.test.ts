import { limits } from "@posthorn/core"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())
beforeEach(() => {
  doors.published.length = 0
})

/** Every door that takes JSON, with a place for any value in an object that is otherwise right. */
const DOORS = {
  "POST /v1/events": (value: string) => `{"type":"a.b","data":${value}}`,
  "POST /v1/events:batch": (value: string) => `{"events":[{"type":"a.b","data":${value}}]}`,
  "POST /v1/applications": (value: string) => `{"name":${value}}`,
  "POST /posthorn.v1.IngestService/Publish": (value: string) => `{"type":"a.b","data":${value}}`,
  "POST /posthorn.v1.ApplicationService/CreateApplication": (value: string) => `{"application":{"name":${value}}}`,
} as const
type DoorName = keyof typeof DOORS

async function send(door: DoorName, body: string | Buffer, type = "application/json") {
  const headers = { authorization: "Bearer operator", "content-type": type }
  const [method = "", path = ""] = door.split(" ")
  const reply = await fetch(doors.url + path, { method, headers, body: body as string })
  const text = await reply.text()
  const { code, message, details } = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: reply.status, code, message, details }
}

const bytes = (text: string, ...more: number[]): Buffer =>
  Buffer.concat([Buffer.from(text.split("%")[0] ?? ""), Buffer.from(more), Buffer.from(text.split("%")[1] ?? "")])
const whole = (door: DoorName): string => DOORS[door]('"x"')

/** Faults of a body, whatever it is about. */
const FAULTS: Readonly<Record<string, (door: DoorName) => string | Buffer>> = {
  "depth of 100,000": (door) => DOORS[door]("[".repeat(100_000) + "]".repeat(100_000)),
  "depth of 100,000 that never closes": () => "[".repeat(100_000),
  "objects in objects": (door) => DOORS[door]('{"a":'.repeat(50_000) + "1" + "}".repeat(50_000)),
  "bytes that are not UTF-8": (door) => bytes(DOORS[door]('"%"'), 0xff, 0xfe),
  "a surrogate as raw bytes": (door) => bytes(DOORS[door]('"%"'), 0xed, 0xa0, 0x80),
  "an overlong NUL": (door) => bytes(DOORS[door]('"%"'), 0xc0, 0x80),
  "half of a surrogate pair, escaped": (door) => DOORS[door]('"\\ud800"'),
  "a byte order mark": (door) => bytes(`%${whole(door)}`, 0xef, 0xbb, 0xbf),
  "a raw NUL in a text": (door) => bytes(DOORS[door]('"%"'), 0),
  "bytes behind the end": (door) => `${whole(door)} x`,
  "a second value behind the end": (door) => `${whole(door)}{}`,
  "an end too early": (door) => whole(door).slice(0, -1),
  "a comma too many": (door) => `${whole(door).slice(0, -1)},}`,
  "a comment": (door) => `/* */${whole(door)}`,
  "quotes of another kind": (door) => whole(door).replaceAll('"', "'"),
  NaN: (door) => DOORS[door]("NaN"),
  "a number with a zero before it": (door) => DOORS[door]("01"),
  "a name that is there twice": (door) => {
    const text = whole(door)
    return `${text.slice(0, -1)},${text.slice(1)}`
  },
  "an array": () => "[]",
  null: () => "null",
}

describe.each(Object.keys(FAULTS))("%s", (fault) => {
  test("is refused by every door, in the same words", async () => {
    const answers = await Promise.all((Object.keys(DOORS) as DoorName[]).map((door) => send(door, FAULTS[fault]!(door))))
    const plain = answers.map(({ status, code, message }) => ({ status, code, message }))
    for (const answer of plain) expect(answer).toEqual({ ...plain[0], status: 400, code: "invalid_argument" })
    expect(doors.published).toEqual([])
  })
})

test.each(["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])("%s is no JSON", async (type) => {
  for (const door of Object.keys(DOORS) as DoorName[]) expect((await send(door, whole(door), type)).status).toBe(415)
})

test.each([
  "1e999",
  "-1e999",
  `1${"0".repeat(400)}`,
  `0.${"1".repeat(400)}`,
  '{"__proto__":{"a":1},"constructor":1}',
  '"\\u0000"',
  '"\\ud83d\\ude00"',
])("legal JSON is taken as it is, byte by byte: %s", async (value) => {
  for (const door of ["POST /v1/events", "POST /v1/events:batch"] as const) expect((await send(door, DOORS[door](value))).status).toBe(202)
  expect(doors.published.map(({ payload }) => Buffer.from(payload).toString())).toEqual([value, value])
  expect(({} as { a?: number }).a).toBeUndefined()
})

test("__proto__ is a name like any other, and not known where others are not", async () => {
  for (const door of Object.keys(DOORS) as DoorName[]) {
    const { status, code } = await send(door, `${whole(door).slice(0, -1)},"__proto__":{"polluted":true}}`)
    expect([status, code]).toEqual([400, "invalid_argument"])
  }
  expect("polluted" in {}).toBe(false)
})

test("an empty body says that there is nothing", async () => {
  for (const door of Object.keys(DOORS) as DoorName[]) expect((await send(door, "")).status).toBe(400)
})

test("nesting up to the bound is taken by every door that publishes, and no deeper", async () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)
  for (const door of ["POST /v1/events", "POST /posthorn.v1.IngestService/Publish"] as const) {
    expect((await send(door, DOORS[door](nested(limits.JSON_DEPTH_MAX - 1)))).status).toBeLessThan(300)
    expect((await send(door, DOORS[door](nested(limits.JSON_DEPTH_MAX)))).status).toBe(400)
  }
})
