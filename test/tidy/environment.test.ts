import type { Variable } from "@posthorn/runtime"
import { expect, test } from "vitest"
import { filesOf, firstCells, pathOf, read } from "./repository.ts"

const DOCUMENT = "docs/reference/environment.md"

const tables = await Promise.all(filesOf("services/*/src/config.ts").map(async (file) => Object.values(await import(pathOf(file)))))
const variables = tables
  .flat()
  .filter(isTable)
  .flatMap((table) => Object.values(table))
const names = new Set(variables.flatMap((variable) => [variable.name, ...(variable.alias === undefined ? [] : [variable.alias])]))

function isTable(value: unknown): value is Readonly<Record<string, Variable<unknown>>> {
  return typeof value === "object" && value !== null && Object.values(value).length > 0 && Object.values(value).every(isVariable)
}

function isVariable(value: unknown): value is Variable<unknown> {
  return typeof value === "object" && value !== null && "name" in value && "meaning" in value && "parser" in value
}

test(`${DOCUMENT} has a row for every variable that a service reads, and no other`, () => {
  expect(variables.length).toBeGreaterThan(5)
  expect(firstCells(read(DOCUMENT)).toSorted()).toEqual([...new Set(variables.map(({ name }) => name))].toSorted())
})

test("every variable that a document or a deployment names is read by some service", () => {
  const written = filesOf("README.md", "docs/**/*.md", "deploy/**/*.{yaml,yml,tpl,md}", "deploy/**/Dockerfile")
  const unknown = written.flatMap((file) => {
    const named = [...read(file).matchAll(/\bPOSTHORN_[A-Z][A-Z_]*[A-Z]\b(?!\*|_)/g)].map((match) => match[0])
    return named.filter((name) => !names.has(name) && !name.startsWith("POSTHORN_TEST_")).map((name) => `${file}: ${name}`)
  })
  expect(unknown).toEqual([])
})

test("the same variable takes the same values in every service", () => {
  const byName = Map.groupBy(variables, ({ name }) => name)
  const split = [...byName].filter(([, uses]) => new Set(uses.map(({ parser }) => parser.expects)).size > 1)
  expect(split.map(([name]) => name)).toEqual([])
})

test("every default is acceptable to its own parser", () => {
  const broken = variables.filter((variable) => variable.default !== undefined && variable.parser.parse(variable.default) === undefined)
  expect(broken.map(({ name }) => name)).toEqual([])
})
