import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Installation } from "./installation.ts"

const run = promisify(execFile)

const REQUIREMENT = "schemathesis==4.32.5"
const FOLDER = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "posthorn", REQUIREMENT.replace("==", "-"))
const HOOKS = join(import.meta.dirname, "schemathesis-hooks.py")
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** The program, installed once per machine and version. Rejects where there is no Python or no package index. */
export async function installSchemathesis(): Promise<string> {
  if (!existsSync(FOLDER)) {
    await mkdir(join(FOLDER, ".."), { recursive: true })
    // What is half installed is never taken for the whole. Scripts in such a folder would look for it where it was made; modules do not.
    const partial = await mkdtemp(`${FOLDER}-`)
    try {
      await run("python3", ["-m", "venv", partial])
      await run(join(partial, "bin/python"), ["-m", "pip", "install", "--quiet", REQUIREMENT])
      await rename(partial, FOLDER)
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  }
  return join(FOLDER, "bin/python")
}

export interface SchemathesisRun {
  readonly passed: boolean
  readonly output: string
}

/** Sends what an installation's own description allows, and what it does not, and judges every answer. The same examples and seed give the same requests. */
export async function runSchemathesis(
  python: string,
  { httpUrl, adminKey }: Pick<Installation, "httpUrl" | "adminKey">,
  { examples, seed }: { readonly examples: number; readonly seed: number },
): Promise<SchemathesisRun> {
  const directory = await mkdtemp(join(tmpdir(), "posthorn-schemathesis-"))
  const options = Object.entries({
    header: `Authorization: Bearer ${adminKey}`,
    "max-examples": examples,
    seed,
    // The hooks have both of these with what no schema can say.
    "exclude-checks": "positive_data_acceptance,negative_data_rejection",
    "request-timeout": 20,
    // Does not end by itself.
    "exclude-operation-id": "watchDeliveries",
    warnings: "off",
  }).flatMap(([name, value]) => [`--${name}`, `${value}`])
  try {
    const { stdout } = await run(
      python,
      ["-m", "schemathesis.cli", "run", `${httpUrl}/openapi.json`, ...options, "--continue-on-failure", "--no-color"],
      {
        cwd: directory,
        maxBuffer: OUTPUT_BYTES_MAX,
        env: { ...process.env, SCHEMATHESIS_HOOKS: HOOKS, POSTHORN_URL: httpUrl },
      },
    )
    return { passed: true, output: stdout }
  } catch (error) {
    if (!(error instanceof Error) || !("stdout" in error)) throw error
    return { passed: false, output: `${String(error.stdout)}${"stderr" in error ? String(error.stderr) : ""}` }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
