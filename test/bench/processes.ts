import { fork, spawn, type ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
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
  const running = await startRole("standalone", { POSTHORN_DATA_DIR: dataDir }, /(http:\/\/127\.0\.0\.1:\d+) /)
  const adminKey = (await readFile(join(dataDir, "admin-key"), "utf8")).trim()
  return {
    ...apiOf(running.ready, adminKey),
    pid: running.pid,
    stop: () => running.stop().then(() => rm(dataDir, { recursive: true, force: true })),
  }
}

export interface RunningGateway extends RunningPosthorn {
  /** Starts the delivery service on the same log. Stop it before the gateway. */
  startDelivery(): Promise<{ stop(): Promise<void> }>
}

/** The gateway alone with its log: what accepting costs, without what other processes make of it. */
export async function startGateway(): Promise<RunningGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const postgres = await startEmbeddedPostgres({ dataDir })
  const adminKey = randomBytes(24).toString("hex")
  const shared = {
    POSTHORN_HOST: "127.0.0.1",
    POSTHORN_POSTGRES_URL: postgres.url,
    POSTHORN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    POSTHORN_ALLOW_PRIVATE_NETWORKS: "loopback",
    LOG_LEVEL: "info",
  }
  // Nobody asks for analytics here.
  const env = { ...shared, POSTHORN_ADMIN_KEY: adminKey, POSTHORN_CLICKHOUSE_URL: "http://127.0.0.1:9" }
  const running = await startRole("gateway", env, /(http:\/\/127\.0\.0\.1:\d+)"/)
  return {
    ...apiOf(running.ready, adminKey),
    pid: running.pid,
    startDelivery: () => startRole("delivery", shared, /(delivery started)/),
    stop: () =>
      running
        .stop()
        .then(() => postgres.stop())
        .then(() => rm(dataDir, { recursive: true, force: true })),
  }
}

interface Role {
  /** What the pattern found in the output. */
  readonly ready: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a role on free ports and waits for what it prints when it is ready. `POSTHORN_BENCH_NODE_OPTIONS` is for profiling. */
async function startRole(role: string, given: Readonly<Record<string, string>>, ready: RegExp): Promise<Role> {
  const env = {
    ...process.env,
    POSTHORN_HTTP_PORT: "0",
    POSTHORN_GRPC_PORT: "0",
    LOG_LEVEL: "warn",
    POSTHORN_TOPIC_PREFIX: `bench${process.pid}.`,
    ...given,
  }
  const options = (process.env["POSTHORN_BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "")
  const child = spawn(process.execPath, [...options, join(here, "../../services/start.ts"), role], {
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
  return { ready: await sought(() => found, child), pid: child.pid ?? 0, stop: () => stop(child) }
}

function apiOf(url: string, adminKey: string): Pick<RunningPosthorn, "httpPort" | "adminKey" | "call"> {
  return {
    httpPort: Number(new URL(url).port),
    adminKey,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" }
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
      return (await response.json()) as T
    },
  }
}

async function sought<T>(look: () => T | undefined, child: ChildProcess): Promise<T> {
  for (let round = 0; round < 600; round++) {
    const value = look()
    if (value !== undefined) return value
    if (child.exitCode !== null) throw new Error(`Posthorn ended with ${child.exitCode}`)
    await wait(100)
  }
  throw new Error("Posthorn was not ready within 60 s")
}
