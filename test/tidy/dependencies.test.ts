import { expect, test } from "vitest"
import { filesOf, firstCells, read } from "./repository.ts"

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const manifests = filesOf("package.json", "{packages,services}/*/package.json", "test/package.json")
const declared = manifests.flatMap((file) => {
  const { dependencies, devDependencies } = JSON.parse(read(file)) as Manifest
  return Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) => ({ file, name, version }))
})
const fromOutside = declared.filter(({ version }) => version !== "workspace:*")

test("every dependency is pinned to one exact version", () => {
  expect(fromOutside.filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})

test("a dependency has the same version everywhere", () => {
  const versions = Map.groupBy(fromOutside, ({ name }) => name)
  const split = [...versions].filter(([, uses]) => new Set(uses.map(({ version }) => version)).size > 1)
  expect(split.map(([name]) => name)).toEqual([])
})

test("every dependency has its reason in docs/reference/dependencies.md, and every reason its dependency", () => {
  const reasons = firstCells(read("docs/reference/dependencies.md"))
  expect(reasons.toSorted()).toEqual([...new Set(fromOutside.map(({ name }) => name))].toSorted())
})
