import { basename } from "node:path"
import { expect, test } from "vitest"
import { read, sources } from "./repository.ts"

// A bracket round the last letter, so that this file does not find itself.
const UNFINISHED = /\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b/
const FOCUSED = /\.onl[y]\(/

const matching = (pattern: RegExp): readonly string[] => sources().filter((file) => pattern.test(read(file)))

test("there are sources to look at", () => {
  expect(sources().length).toBeGreaterThan(50)
})

test("no file of production has more than 400 lines, and no main.ts more than 40", () => {
  const production = sources().filter((file) => !/\.test\.ts$|-under-test\.ts$|\/conformance\/|^test\//.test(file))
  const long = production.filter((file) => read(file).split("\n").length > (basename(file) === "main.ts" ? 41 : 401))
  expect(long).toEqual([])
})

test("no file is named after nothing in particular, and names are in kebab-case", () => {
  const nothing = /(^|[/.-])(utils?|helpers?|common|misc)([/.-]|$)/
  const named = (file: string): boolean => /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|d|config))?\.ts$/.test(basename(file))
  expect(sources().filter((file) => nothing.test(file) || !named(file))).toEqual([])
})

test("nothing is marked as unfinished", () => {
  expect(matching(UNFINISHED)).toEqual([])
})

test("no test is the only one that runs", () => {
  expect(matching(FOCUSED)).toEqual([])
})
