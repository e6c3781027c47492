import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Check, execute, ROOT } from "./command.ts"

const GENERATED = "packages/proto/src/gen"

/** The generated code is what the contracts generate now. */
export const generatedCode: Check = {
  name: "generated code",
  run: async () => {
    const scratch = await mkdtemp(join(tmpdir(), "posthorn-codegen-"))
    try {
      const { exitCode, output } = await execute(["buf", "generate", "--output", scratch])
      if (exitCode !== 0) return { kind: "failed", output }
      const [fresh, committed] = await Promise.all([contentsOf(join(scratch, GENERATED)), contentsOf(join(ROOT, GENERATED))])
      const stale = [...new Set([...fresh.keys(), ...committed.keys()])].filter((file) => fresh.get(file) !== committed.get(file))
      return stale.length === 0 ? { kind: "ok" } : { kind: "failed", output: `not what \`pnpm codegen\` writes:\n  ${stale.join("\n  ")}` }
    } finally {
      await rm(scratch, { recursive: true })
    }
  },
}

async function contentsOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, "utf8")] as const)))
}
