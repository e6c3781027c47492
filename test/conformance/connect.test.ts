import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import { FIRST_RUN_MS, goModuleFolder, goTool, orSkip } from "./go-tools.ts"

const run = promisify(execFile)

const FILES = join(import.meta.dirname, "connect")
const BUF = join(import.meta.dirname, "../../node_modules/.bin/buf")
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

test(
  "both ports pass the suite of the Connect project, but for what is listed with its reason",
  { timeout: FIRST_RUN_MS },
  async (context) => {
    const offered = Promise.all([goTool("connectconformance"), goModuleFolder("connectrpc.com/conformance")])
    const [suite, source] = await orSkip("connectconformance cannot be built", offered, context)
    const folder = await mkdtemp(join(tmpdir(), "posthorn-connect-"))
    try {
      const contract = join(folder, "contract.binpb")
      await run(BUF, ["build", source, "-o", contract])
      const known = ["failing", "flaky"].flatMap((kind) => [`--known-${kind}`, `@${join(FILES, `known-${kind}.txt`)}`])
      const options = ["--mode", "server", "--conf", join(FILES, "config.yaml"), ...known, "--max-servers", "1", "--parallel", "4"]
      const server = [process.execPath, join(FILES, "server-under-test.ts"), contract]
      const { failed, output } = await run(suite, [...options, "--", ...server], { maxBuffer: OUTPUT_BYTES_MAX }).then(
        ({ stdout, stderr }) => ({ failed: false, output: stdout + stderr }),
        (error: Error & { stdout?: string; stderr?: string }) => ({ failed: true, output: `${error.stdout}${error.stderr}` }),
      )
      expect(failed, output.slice(-20_000)).toBe(false)
      expect(output).toMatch(/Total cases: [5-9]\d\d\n/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
