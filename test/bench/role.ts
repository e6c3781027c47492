import { spawn, type ChildProcess } from "node:child_process"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { stop } from "./processes.ts"

export interface Role {
  /** What the pattern found in the output. */
  readonly ready: string
  readonly pid: number
  stop(): Promise<void>
}

export interface RoleOptions {
  readonly env: Readonly<Record<string, string>>
  /** What the role prints when it is ready; the first group is the answer. */
  readonly ready: RegExp
  /** How long that may take; default 60 s. */
  readonly readyMs?: number
}

let installations = 0

/** On Kafka, installations of one run and of others share the brokers: each has topics of its own. */
export const newTopicPrefix = (): string => `bench${process.pid}.${++installations}.`

/** Starts a role on free ports and waits until it is ready. Its environment has to name the topic prefix. `POSTHORN_BENCH_NODE_OPTIONS` is for profiling. */
export async function startRole(role: string, { env: given, ready, readyMs = 60_000 }: RoleOptions): Promise<Role> {
  const env = {
    ...process.env,
    POSTHORN_HTTP_PORT: "0",
    POSTHORN_GRPC_PORT: "0",
    LOG_LEVEL: "warn",
    ...given,
  }
  const options = (process.env["POSTHORN_BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "")
  const child = spawn(process.execPath, [...options, join(import.meta.dirname, "../../services/start.ts"), role], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  })
  let printed = ""
  let found: string | undefined
  child.stdout.on("data", (part: Buffer) => {
    if (found !== undefined) return
    printed += part.toString()
    found = ready.exec(printed)?.[1]
  })
  try {
    return { ready: await sought(() => found, child, readyMs), pid: child.pid ?? 0, stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  }
}

const POLL_MS = 100

async function sought<T>(look: () => T | undefined, child: ChildProcess, forMs: number): Promise<T> {
  for (let waitedMs = 0; waitedMs < forMs; waitedMs += POLL_MS) {
    const value = look()
    if (value !== undefined) return value
    if (child.exitCode !== null) throw new Error(`Posthorn ended with ${child.exitCode}`)
    await wait(POLL_MS)
  }
  throw new Error(`Posthorn was not ready within ${forMs / 1000} s`)
}
