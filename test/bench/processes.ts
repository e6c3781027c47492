import { fork, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import type { LoadPlan, LoadResult } from "./load.ts"

const here = import.meta.dirname

/** A process that prints its port and ends with its parent. */
export interface Listening {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

export async function startListening(file: string): Promise<Listening> {
  const child = fork(join(here, file), [], { stdio: ["ignore", "pipe", "inherit", "ipc"] })
  const [line] = (await once(child.stdout!, "data")) as [Buffer]
  return { port: Number(line.toString()), pid: child.pid!, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  await ended
}

/** Runs a file to its end and answers the JSON that it prints. */
export async function runJson<T>(file: string, args: readonly string[]): Promise<T> {
  const child = spawn(process.execPath, [join(here, file), ...args], { stdio: ["ignore", "pipe", "inherit"] })
  let printed = ""
  child.stdout.on("data", (part: Buffer) => void (printed += part.toString()))
  const [code] = (await once(child, "close")) as [number | null]
  if (code !== 0) throw new Error(`${file} ended with ${code}`)
  return JSON.parse(printed) as T
}

export const load = (plan: LoadPlan): Promise<LoadResult> => runJson<LoadResult>("load.ts", [JSON.stringify(plan)])

export interface RunningPosthorn {
  readonly httpPort: number
  readonly adminKey: string
  readonly pid: number
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  stop(): Promise<void>
}

/** Posthorn as a user starts it, on an empty data directory; on Kafka if `POSTHORN_KAFKA_BROKERS` says so. */
export async function startPosthorn(): Promise<RunningPosthorn> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const env = { ...process.env, POSTHORN_DATA_DIR: dataDir, POSTHORN_HTTP_PORT: "0", POSTHORN_GRPC_PORT: "0", LOG_LEVEL: "warn", POSTHORN_TOPIC_PREFIX: `bench${process.pid}.` }
  const child = spawn(process.execPath, [join(here, "../../services/start.ts")], { env, stdio: ["ignore", "pipe", "inherit"] })
  let printed = ""
  child.stdout.on("data", (part: Buffer) => void (printed += part.toString()))
  const url = await found(() => /http:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1], child)
  const adminKey = (await readFile(join(dataDir, "admin-key"), "utf8")).trim()
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" }
    const response = await fetch(`http://127.0.0.1:${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  }
  return {
    httpPort: Number(url),
    adminKey,
    pid: child.pid!,
    call,
    async stop() {
      await stop(child)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function found<T>(look: () => T | undefined, child: ChildProcess): Promise<T> {
  for (let round = 0; round < 600; round++) {
    const value = look()
    if (value !== undefined) return value
    if (child.exitCode !== null) throw new Error(`Posthorn ended with ${child.exitCode}`)
    await wait(100)
  }
  throw new Error("Posthorn was not ready within 60 s")
}
