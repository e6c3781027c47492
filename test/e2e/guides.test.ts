import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startStandalone, type Installation } from "./installation.ts"
import { commandsOf, paste, unmarkedCommandsOf } from "./pasted-commands.ts"

const ROOT = join(import.meta.dirname, "../..")
/** Their commands are about an installation of another kind, which has tests of its own. */
const OTHER_INSTALLATIONS = ["compose.md", "kubernetes.md"]

const documents = globSync(["README.md", "docs/**/*.md"], { cwd: ROOT }).map((file) => ({
  file,
  text: readFileSync(join(ROOT, file), "utf8"),
}))
const guides = documents.filter(
  ({ file, text }) => file.startsWith("docs/") && !OTHER_INSTALLATIONS.includes(basename(file)) && commandsOf(text).length > 0,
)

let posthorn: Installation

beforeAll(async () => {
  posthorn = await startStandalone()
})
afterAll(() => posthorn.stop())

test("every command of the documents is in a block that says that it is shell, which is what makes it run here", () => {
  expect(guides.length).toBeGreaterThan(4)
  expect(documents.flatMap(({ file, text }) => unmarkedCommandsOf(text).map((command) => `${file}: ${command}`))).toEqual([])
})

test.each(guides)("the commands of $file work when they are pasted", async ({ text }) => {
  const commands = commandsOf(text)
  // Each block's answers on lines of their own.
  expect(await paste(commands.join("\necho\n"), posthorn)).not.toBe("")
})

test("a command that is answered otherwise than its document says is found", async () => {
  await expect(paste("curl -s $POSTHORN/v1/stats", posthorn)).rejects.toThrow("answered 401")
  await expect(paste("curl -s $POSTHORN/health # 404", posthorn)).rejects.toThrow("answered 200")
  expect(await paste("curl -s $POSTHORN/v1/stats # 401", posthorn)).toContain("unauthenticated")
})
