import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startStandalone, type Installation } from "../e2e/installation.ts"
import { FIRST_RUN_MS, orSkip } from "./go-tools.ts"

const run = promisify(execFile)

const ROOT = join(import.meta.dirname, "../..")
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const guide = readFileSync(join(ROOT, "docs/guides/clients.md"), "utf8")

interface Recipe {
  readonly files: readonly (readonly [name: string, text: string])[]
  readonly commands: string
  readonly prints: string
}

/** One section of the guide: its files are the blocks with a name, its commands the block of shell, and the block without a language is what they print. */
function recipeOf(title: string): Recipe {
  const section = guide.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? ""
  const blocks = [...section.matchAll(/^```(\w*)(?: ([\w.]+))?\n([\s\S]*?)^```$/gm)].map(([, language, name, text = ""]) => ({
    language,
    name,
    text,
  }))
  const textOf = (wanted: string): string =>
    blocks
      .filter(({ language }) => language === wanted)
      .map(({ text }) => text)
      .join("")
  return {
    files: blocks.flatMap(({ name, text }) => (name === undefined ? [] : [[name, text] as const])),
    commands: textOf("sh"),
    prints: textOf(""),
  }
}

let posthorn: Installation
beforeAll(async () => {
  posthorn = await startStandalone()
})
afterAll(() => posthorn.stop())

test.for([
  { title: "TypeScript", needs: ["npm", "view", "@bufbuild/protobuf@2.17.0", "version"] },
  { title: "Go", needs: ["go", "mod", "download", "google.golang.org/grpc@v1.84.0"] },
])(
  "a client in $title, made out of the contract as the guide says, leads an application through its whole life",
  { timeout: FIRST_RUN_MS },
  async ({ title, needs: [program = "", ...args] }, context) => {
    await orSkip(`no client in ${title} can be made`, run(program, args), context)
    const { files, commands, prints } = recipeOf(title)
    expect(files).toHaveLength(2)
    const folder = await mkdtemp(join(tmpdir(), "posthorn-client-"))
    try {
      for (const [name, text] of files) await writeFile(join(folder, name), text)
      const { httpUrl, grpcUrl, adminKey } = posthorn
      const env = {
        ...process.env,
        POSTHORN: httpUrl,
        GRPC: new URL(grpcUrl).host,
        KEY: adminKey,
        SOURCE: ROOT,
        GOWORK: "off",
      }
      const { stdout } = await run("bash", ["-euo", "pipefail", "-c", commands], { cwd: folder, env, maxBuffer: OUTPUT_BYTES_MAX })
      expect(prints).toContain("delivered: 200")
      expect(stdout.endsWith(prints), stdout).toBe(true)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
