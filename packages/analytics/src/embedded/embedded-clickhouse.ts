import { fork, type ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { limits } from "@posthorn/core"

export interface EmbeddedClickHouseOptions {
  /** Made if it is not there; one process at a time may use it. */
  readonly dataDir: string
  /** Told whenever the engine ended unasked, with the wait before it is started again. */
  readonly onCrash?: (crash: EngineCrash) => void
}

export interface EngineCrash {
  /** Exit code, or the signal that ended it. */
  readonly cause: number | string
  readonly restartInMs: number
}

export interface EmbeddedClickHouse {
  /** For `@clickhouse/client`; holds a password made for this start. Stays the same over restarts of the engine. */
  readonly url: string
  /** Process id of the engine; none while it is down. */
  processId(): number | undefined
  /** Ends the engine. What was acknowledged is on disk. */
  stop(): Promise<void>
}

/** What the engine's process is told to serve. Port 0 = any. */
export interface EngineOrder {
  readonly dataDir: string
  readonly port: number
  readonly password: string
}

/**
 * Starts ClickHouse's engine in a child process on a loopback port. Resolves when the port is open, before the engine answers: a request
 * waits for it. When the engine dies it is started again on the same port, with growing waits; requests fail meanwhile and must be repeated.
 * It ends with this process, however that ends. Not guaranteed: rows that were not acknowledged when it died.
 */
export async function startEmbeddedClickHouse(options: EmbeddedClickHouseOptions): Promise<EmbeddedClickHouse> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const password = randomBytes(24).toString("hex")
  let current = startChild()
  let stopping = false
  let restartTimer: NodeJS.Timeout | undefined
  let restartMs = limits.ENGINE_RESTART_MS

  const order = (port: number): EngineOrder => ({ dataDir: options.dataDir, port, password })
  const port = await listening(current, order(0))
  watch(current)

  function watch(child: ChildProcess): void {
    const startedMs = performance.now()
    child.once("exit", (code, signal) => {
      if (stopping) return
      // An engine that ran for a while and died is no crash loop.
      if (performance.now() - startedMs > limits.ENGINE_RESTART_MS_MAX) restartMs = limits.ENGINE_RESTART_MS
      options.onCrash?.({ cause: signal ?? code ?? "unknown", restartInMs: restartMs })
      restartTimer = setTimeout(restart, restartMs)
      restartMs = Math.min(restartMs * 2, limits.ENGINE_RESTART_MS_MAX)
    })
  }

  function restart(): void {
    current = startChild()
    watch(current)
    current.send(order(port))
  }

  const url = `http://posthorn:${password}@127.0.0.1:${port}`
  await writeFile(join(options.dataDir, ADDRESS_FILE), url, { mode: 0o600 })
  return {
    url,
    processId: () => (isRunning(current) ? current.pid : undefined),
    async stop() {
      stopping = true
      clearTimeout(restartTimer)
      await rm(join(options.dataDir, ADDRESS_FILE), { force: true })
      await end(current)
    },
  }
}

/** Where whoever started the engine wrote down how to reach it, for its owner alone. */
const ADDRESS_FILE = "posthorn-address"
const ANSWER_MS_MAX = 5000

/** The address of the engine that runs on a data folder, whoever started it; with the password. `undefined` = none answers there. */
export async function findEmbeddedClickHouse(dataDir: string): Promise<string | undefined> {
  try {
    const url = new URL(await readFile(join(dataDir, ADDRESS_FILE), "utf8"))
    const headers = { authorization: `Basic ${Buffer.from(`${url.username}:${url.password}`).toString("base64")}` }
    // The port may be somebody else's by now: only the engine that was meant knows the password.
    const answer = await fetch(url.origin, { method: "POST", headers, body: "SELECT 1", signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    return answer.ok && (await answer.text()).trim() === "1" ? url.href : undefined
  } catch {
    // No file, or nobody there.
    return undefined
  }
}

function startChild(): ChildProcess {
  // Beside this file, with the same ending: `.ts` in the sources, `.js` when built.
  const file = new URL(import.meta.url.replace("embedded-clickhouse", "engine-server"))
  const child = fork(file, { stdio: ["ignore", "ignore", "inherit", "ipc"], execArgv: [] })
  // A message to a process that has just died is told here; its exit is what counts.
  child.on("error", () => {})
  return child
}

async function listening(child: ChildProcess, order: EngineOrder): Promise<number> {
  child.send(order)
  const answer = await Promise.race([once(child, "message"), once(child, "exit").then(() => undefined)])
  if (answer === undefined) throw new Error("the embedded analytics engine ended before it listened")
  const [{ port }] = answer as [{ port: number }]
  return port
}

/** Cuts the engine off, as a crash would: it is made for that, while a clean close waits for every query that still runs. */
async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return
  const exited = once(child, "exit")
  child.kill("SIGKILL")
  await exited
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
