import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { SCENARIOS } from "./scenarios.ts"

test("the reference lists every scenario with what it does", async () => {
  const reference = await readFile(join(import.meta.dirname, "../../docs/reference/reliability.md"), "utf8")
  const listed = [...reference.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, name, about]) => ({ name, about }))
  expect(listed).toEqual(SCENARIOS.map(({ name, about }) => ({ name, about })))
})
