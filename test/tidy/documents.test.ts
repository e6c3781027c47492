import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { expect, test } from "vitest"
import { filesOf, pathOf, read } from "./repository.ts"

const documents = filesOf("**/*.md")
const decisions = filesOf("docs/decisions/[0-9]*.md")

test("every relative link of a document leads to a file", () => {
  const broken = documents.flatMap((file) => {
    const links = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "")
    const relative = links.filter((link) => !/^(?:[a-z]+:|#)/.test(link)).map((link) => link.split("#", 1)[0] ?? "")
    return relative.filter((link) => !existsSync(pathOf(join(dirname(file), link)))).map((link) => `${file} → ${link}`)
  })
  expect(broken).toEqual([])
})

test("decisions are numbered without holes, and each says its status, what was rejected and what follows", () => {
  expect(decisions.length).toBeGreaterThan(0)
  expect(decisions.map((file) => Number(file.split("/").at(-1)?.slice(0, 4)))).toEqual(decisions.map((_, index) => index + 1))
  const incomplete = decisions.filter((file) => {
    const text = read(file)
    const status = /^Status: (proposed|accepted|replaced by \[\d{4}\]\([^)]+\))$/m
    return !status.test(text) || !["Context", "Choice", "Rejected", "Consequences"].every((heading) => text.includes(`\n## ${heading}\n`))
  })
  expect(incomplete).toEqual([])
})
