import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { TestContext } from "vitest"

const run = promisify(execFile)

const MODULE = join(import.meta.dirname, "go")
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "posthorn")
const VERSIONS = createHash("sha256")
  .update(readFileSync(join(MODULE, "go.mod")))
  .digest("hex")
  .slice(0, 12)
const FOLDER = join(CACHE, `conformance-${VERSIONS}`)
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** How long the first run on a machine may take: the tools are compiled, which is minutes on a small one. */
export const FIRST_RUN_MS = 20 * 60_000

type GoTool = "grpcurl" | "connectconformance"

/** The path of a tool at the version that `go/go.mod` names. They are built once per machine and set of versions. Rejects where there is no Go, or no modules. */
export async function goTool(name: GoTool): Promise<string> {
  if (!existsSync(FOLDER)) {
    await mkdir(CACHE, { recursive: true })
    // What is half built is never taken for the whole.
    const partial = await mkdtemp(`${FOLDER}-`)
    try {
      const env = { ...process.env, GOWORK: "off" }
      await run("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", `${partial}/`, "tool"], {
        cwd: MODULE,
        env,
        maxBuffer: OUTPUT_BYTES_MAX,
      })
      await rename(partial, FOLDER)
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  }
  return join(FOLDER, name)
}

/** Where the source of a module is that the tools are built of. */
export async function goModuleFolder(module: string): Promise<string> {
  const { stdout } = await run("go", ["mod", "download", "-json", module], { cwd: MODULE, env: { ...process.env, GOWORK: "off" } })
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir
}

/** What a machine offers, or the test is skipped with the reason; where everything has to run it fails instead. */
export async function orSkip<T>(what: string, offered: Promise<T>, { skip }: Pick<TestContext, "skip">): Promise<T> {
  try {
    return await offered
  } catch (cause) {
    const reason = `${what}: ${cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause)}`
    if (process.env["CI"] === "true") throw new Error(reason, { cause })
    return skip(reason)
  }
}
