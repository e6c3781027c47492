import { expect, test } from "vitest"
import { createLogger } from "./logger.ts"

const CANARY = "canary-7f3a"

function capture(level: "info" | "debug" = "info") {
  const lines: string[] = []
  const logger = createLogger({ service: "sample", level, fields: ["id", "size"], destination: { write: (line) => lines.push(line) } })
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line)) }
}

test("a line is JSON with time, level, service, message and the named fields", () => {
  const { logger, parsed } = capture()
  logger.info("done", { id: "a", size: 3 })
  logger.debug("not written at this level")
  expect(parsed()).toEqual([
    { time: expect.stringMatching(/^\d{4}-.*Z$/), level: "info", service: "sample", message: "done", id: "a", size: 3 },
  ])
})

test("nothing but named fields of plain kinds is written, whatever is passed", () => {
  const { logger, lines } = capture()
  const smuggled: object = { id: { secret: CANARY }, size: Buffer.from(CANARY), password: CANARY, toJSON: () => CANARY }
  logger.error("oops", smuggled)
  expect(lines).toHaveLength(1)
  expect(lines.join("")).not.toContain(CANARY)
})

test("an error is written with its causes but without what was parsed", () => {
  const { logger, parsed } = capture()
  let cause: unknown
  try {
    JSON.parse(CANARY)
  } catch (error) {
    cause = error
  }
  logger.error("failed", { error: Object.assign(new Error("cannot read", { cause }), { code: "EBAD", payload: CANARY }) })
  expect(parsed()[0].error).toBe("Error EBAD: cannot read ← SyntaxError")
})

test("a text that is too long is cut, and a line break stays inside its line", () => {
  const { logger, lines } = capture()
  logger.warn("long", { id: `a\n${"x".repeat(5000)}` })
  expect(lines).toHaveLength(1)
  expect(lines[0]?.length).toBeLessThan(1300)
  expect(lines[0]?.trimEnd()).not.toContain("\n")
})
