import { expect, test } from "vitest"
import { filesOf, firstCells, read } from "./repository.ts"

const sources = filesOf("{packages,services}/*/src/**/*.ts").filter((file) => !file.endsWith(".test.ts"))
const registered = sources.flatMap((file) =>
  [...read(file).matchAll(/\.(counter|gauge|histogram)\(\{\s*name: "([^"]+)"/g)].map(([, kind = "", name = ""]) => ({ file, kind, name })),
)

test("metrics are registered in events.ts alone", () => {
  expect(registered.filter(({ file }) => !/^services\/[^/]+\/src\/events\.ts$/.test(file))).toEqual([])
})

test("names begin with posthorn_ and end with their unit; counters end with _total", () => {
  const units = /_(?:total|seconds|bytes|records|ratio|backlog|findings|streams)$/
  const wrong = registered.filter(
    ({ kind, name }) => !/^posthorn(_[a-z]+)+$/.test(name) || !units.test(name) || (kind === "counter") !== name.endsWith("_total"),
  )
  expect(wrong).toEqual([])
})

test("docs/reference/metrics.md has every metric and no other", () => {
  expect(firstCells(read("docs/reference/metrics.md")).toSorted()).toEqual([...new Set(registered.map(({ name }) => name))].toSorted())
})
