import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Cluster } from "./cluster.ts"
import { runAs } from "./run-as.ts"

export interface ServerProcess {
  readonly pid: number
  /** Resolves when the server is gone, however that came about, with the end of what it had to say. */
  readonly gone: Promise<string>
  /** Fast shutdown: clients are disconnected, everything committed is on disk. Resolves when the server is gone. */
  stop(): Promise<void>
}

/** Small enough to share a small machine with everything else; what is committed is on disk, as always. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: 60,
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  // A list over a year of days takes a lock on every table and index of each.
  max_locks_per_transaction: 1024,
  // Nothing replicates from here.
  wal_level: "minimal",
  max_wal_senders: 0,
  max_parallel_workers_per_gather: 0,
  jit: "off",
}

const TAIL_LENGTH_MAX = 4000

/** Starts a server. Resolves when it takes connections; rejects with what it said when it ends before. */
export async function startServer(cluster: Cluster, port: number): Promise<ServerProcess> {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  // In a session of its own: Ctrl-C is for the parent, which ends the server when nobody needs it any more.
  const args = ["-D", cluster.directory, "-p", String(port), ...settings]
  const command = await runAs({ account: cluster.account, program: join(cluster.binaries, "postgres"), args, enters: [cluster.directory] })
  const child = spawn(command.file, command.args, {
    ...command.identity,
    cwd: cluster.directory,
    detached: true,
    env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "pipe"],
  })
  const ready = Promise.withResolvers<void>()
  let tail = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-TAIL_LENGTH_MAX)
    if (tail.includes("ready to accept connections")) ready.resolve()
  })
  const gone = Promise.race([once(child, "close"), once(child, "error")]).then(() => tail)
  void gone.then(() => ready.reject(new Error(`the embedded database ended: ${tail}`)))
  child.once("error", ready.reject)
  const guard = guardOf(child)
  void gone.then(() => guard?.kill("SIGKILL"))
  await ready.promise
  const stop = async (): Promise<void> => {
    child.kill("SIGINT")
    await gone
  }
  return { pid: child.pid ?? 0, gone, stop }
}

/**
 * Ends the server when this process dies without doing it: a shell that waits for its input to close, which the system does for us whatever happened.
 * Where there is no shell, a server that is left behind is found by the next start.
 */
function guardOf({ pid }: ChildProcess): ChildProcess | undefined {
  if (pid === undefined) return undefined
  const guard = spawn("/bin/sh", ["-c", 'read -r _; kill -INT "$1"', "sh", String(pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  })
  guard.on("error", () => undefined)
  guard.stdin.on("error", () => undefined)
  guard.unref()
  return guard
}
