import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { openApiDocument } from "./document.ts"

const PAGE = join(import.meta.dirname, "../../../../docs/reference/api.md")
const HEADING = "| route | role | what it does |\n| --- | --- | --- |\n"

// With `-u` the test writes the table anew.
test("docs/reference/api.md has every route with its role and what it does, and no other", async () => {
  const [text = ""] = readFileSync(PAGE, "utf8").split(HEADING)
  const rows = Object.entries(openApiDocument().paths)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => rowOf(`${method.toUpperCase()} ${path}`, operation)))
  await expect(`${text}${HEADING}${rows.join("\n")}\n`).toMatchFileSnapshot(PAGE)
})

function rowOf(route: string, operation: Readonly<Record<string, unknown>>): string {
  const role = operation["x-required-role"]
  return `| \`${route}\` | ${typeof role === "string" ? role : "–"} | ${String(operation["summary"])} |`
}
