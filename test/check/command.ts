import { spawn } from "node:child_process"
import { join } from "node:path"

export type Outcome =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly output: string }
  | { readonly kind: "skipped"; readonly reason: string }

export interface Check {
  readonly name: string
  run(): Promise<Outcome>
}

export const ROOT = join(import.meta.dirname, "../..")

/** A check that holds when a tool of this repository, or of the machine, exits with 0. */
export function command(name: string, line: readonly [string, ...string[]]): Check {
  return {
    name,
    run: async () => {
      const { exitCode, output } = await execute(line)
      return exitCode === 0 ? { kind: "ok" } : { kind: "failed", output }
    },
  }
}

/** Runs a program at the root, tools of this repository first. Rejects only when it cannot be started. */
export function execute([program, ...args]: readonly [string, ...string[]]): Promise<{ exitCode: number; output: string }> {
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"]].join(":")
  const child = spawn(program, args, { cwd: ROOT, env: { ...process.env, PATH: path, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`${program} cannot be started`, { cause })))
    child.once("close", (code) => resolve({ exitCode: code ?? 1, output: Buffer.concat(chunks).toString() }))
  })
}
