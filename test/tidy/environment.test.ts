import { helpText, type Variable } from "@posthorn/runtime"
import { expect, test } from "vitest"
import { filesOf, firstCells, pathOf, read } from "./repository.ts"

const DOCUMENT = "docs/reference/configuration.md"

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

test("the same variable means the same to every service", () => {
  const meanings = Map.groupBy(variables, ({ name }) => name)
  const split = [...meanings].filter(([, uses]) => new Set(uses.map(({ meaning, parser }) => `${meaning} ${parser.expects}`)).size > 1)
  expect(split.map(([name]) => name)).toEqual([])
})

test("every default is acceptable to its own parser", () => {
  for (const variable of variables) {
    if (variable.default !== undefined) expect(variable.parser.parse(variable.default), variable.name).toBeDefined()
  }
  expect(helpText(Object.fromEntries(variables.map((variable) => [variable.name, variable])))).toContain("POSTHORN_HTTP_PORT")
})
