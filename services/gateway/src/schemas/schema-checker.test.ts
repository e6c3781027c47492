import { limits } from "@posthorn/core"
import { afterEach, expect, test } from "vitest"
import { CompiledSchemas } from "./compiled-schemas.ts"
import { packQuestions } from "./question-batch.ts"
import { SchemaChecker } from "./schema-checker.ts"

let nowMs = 0
let keys = 0
const faults: unknown[] = []
const checkers: SchemaChecker[] = []
function checker(checkMs?: number): SchemaChecker {
  const made = new SchemaChecker({
    nowMs: () => nowMs,
    onThreadFault: (cause) => faults.push(cause),
    ...(checkMs === undefined ? {} : { checkMs }),
  })
  checkers.push(made)
  return made
}
afterEach(async () => {
  for (const each of checkers.splice(0)) await each.stop()
})

const payload = (value: unknown) => Buffer.from(JSON.stringify(value))
const question = (schema: object, value: unknown) =>
  ({ kind: "payload", key: ++keys, schema: JSON.stringify(schema), payload: payload(value) }) as const
/** Each step asks the next one twice. */
const doubling = (steps: number) => ({
  $ref: "#/$defs/s0",
  $defs: {
    ...Object.fromEntries(
      Array.from({ length: steps }, (_, step) => [`s${step}`, { allOf: [1, 2].map(() => ({ $ref: `#/$defs/s${step + 1}` })) }]),
    ),
    [`s${steps}`]: { type: "number" },
  },
})

test("a payload is checked in another thread, and its bytes stay where they are", async () => {
  const bytes = payload([1, "x"])
  const around = Buffer.concat([Buffer.alloc(1000), bytes, Buffer.alloc(1000)]).subarray(1000, 1000 + bytes.length)
  const outcome = await checker().ask("app", { ...question({ items: { type: "number" } }, 0), payload: around })
  expect(outcome).toEqual({ violations: [{ field: "data/1", reason: "must be number" }] })
  expect(around.equals(bytes)).toBe(true)
})

test("what takes too long is ended, its application rests for a while, and everybody else is answered", async () => {
  const under = checker()
  const [first, second, other] = await Promise.all([
    under.ask("hostile", question(doubling(60), 1)),
    under.ask("hostile", question({}, 1)),
    under.ask("other", question({ type: "string" }, 1)),
  ])
  expect([first, second]).toEqual(["overrun", "resting"])
  expect(other).toEqual({ violations: [{ field: "data", reason: "must be string" }] })
  expect(await under.ask("hostile", question({}, 1))).toBe("resting")
  nowMs += limits.SCHEMA_REST_MS
  expect(await under.ask("hostile", question({}, 1))).toEqual({ violations: [] })
})

test("of questions that go to the thread together, the one that takes too long is to blame alone", async () => {
  const under = checker(200)
  const outcomes = await Promise.all([
    // Under way by itself, while the others wait and go together.
    under.ask("first", question({}, 1)),
    under.ask("before", question({ type: "string" }, 1)),
    under.ask("hostile", question(doubling(60), 1)),
    under.ask("after", question({}, 1)),
    under.ask("before", question({}, 1)),
  ])
  const misfit = { violations: [{ field: "data", reason: "must be string" }] }
  expect(outcomes).toEqual([{ violations: [] }, misfit, "overrun", { violations: [] }, { violations: [] }])
})

test("memory without end ends the thread and not the process", async () => {
  const floods = { items: { allOf: Array.from({ length: 200 }, () => ({ type: "string" })) } }
  const under = checker(60_000)
  expect(
    await under.ask(
      "hostile",
      question(
        floods,
        Array.from({ length: 60_000 }, () => 1),
      ),
    ),
  ).toBe("overrun")
  expect(faults).toMatchObject([{ code: "ERR_WORKER_OUT_OF_MEMORY" }])
  expect(await under.ask("other", question({}, 1))).toEqual({ violations: [] })
})

test("applications take turns, and one has only so many that wait", async () => {
  const under = checker()
  const order: string[] = []
  const ask = async (application: string) => (await under.ask(application, question({}, 1)), order.push(application))
  await Promise.all([..."aaaaaa", "b", "b", "c"].map(ask))
  // The first one had begun before there was anybody else.
  expect(order.join("")).toBe("aabcabaaa")
  const flood = Array.from({ length: limits.SCHEMA_CHECKS_WAITING_MAX + 5 }, () => under.ask("many", question({}, 1)))
  const outcomes = await Promise.all([...flood, under.ask("few", question({}, 1))])
  expect(outcomes.at(-1)).toEqual({ violations: [] })
  expect(outcomes.slice(0, -1).filter((outcome) => outcome === "resting").length).toBeGreaterThan(0)
})

test("what waits when it stops is answered", async () => {
  const under = checker()
  const asked = [1, 2, 3].map(() => under.ask("app", question(doubling(60), 1)))
  await under.stop()
  expect(await Promise.all(asked)).toEqual(["overrun", "unavailable", "unavailable"])
})

test("a batch is left when its time is over, after one question at least", () => {
  const at = new Int32Array(new SharedArrayBuffer(4)).fill(7)
  const batch = packQuestions([question(doubling(24), 1), question({}, 1), question({}, 1)])
  expect(new CompiledSchemas().answerAll(batch, at)).toEqual({ done: 1, violations: new Map() })
  expect(at[0]).toBe(0)
})

test("compiled schemas are kept by what was used last, within bounds", () => {
  const schemas = new CompiledSchemas()
  const answer = (key: number, schema: object) =>
    schemas.answer({ kind: "payload", key, schema: JSON.stringify(schema), payload: payload("x") })
  for (let key = 0; key < 40; key++) expect(answer(key, { const: "x".repeat(50_000) })).toHaveLength(1)
  expect(schemas.size).toBe(Math.floor(limits.SCHEMAS_COMPILED_BYTES_MAX / 50_012))
  // The key says which schema it is: another one under it is not looked at.
  expect(answer(39, {})).toHaveLength(1)
  expect(answer(0, {})).toEqual([])
})

test("a payload deeper than the stack, or no JSON at all, is a violation", () => {
  const schemas = new CompiledSchemas()
  const tree = JSON.stringify({ $ref: "#/$defs/t", $defs: { t: { items: { $ref: "#/$defs/t" } } } })
  const ask = (bytes: Uint8Array) => schemas.answer({ kind: "payload", key: 1, schema: tree, payload: bytes })
  expect(ask(Buffer.from("[".repeat(120_000) + "]".repeat(120_000)))).toEqual([
    { field: "data", reason: "is nested too deep to be checked" },
  ])
  expect(ask(Buffer.from([0xff]))).toEqual([{ field: "data", reason: "must be JSON in UTF-8, as its content type says" }])
  expect(ask(Buffer.from("[[[]]]"))).toEqual([])
})
