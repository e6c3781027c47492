import { expect, test } from "vitest"
import { firstCells, read } from "./repository.ts"

test("docs/reference/errors.md has every code that Posthorn answers and no other", () => {
  const union = /export type RefusalCode =\n((?: {2}\| "\w+"\n)+)/.exec(read("packages/core/src/refusal.ts"))?.[1] ?? ""
  const codes = [...union.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "")
  expect(codes.length).toBeGreaterThan(5)
  expect(firstCells(read("docs/reference/errors.md"))).toEqual(codes)
})
