import { execFile } from "node:child_process"
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { platform } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { runAs } from "./run-as.ts"
import type { Account } from "./server-account.ts"

export interface Cluster {
  /** Where the server keeps its files. */
  readonly directory: string
  /** Folder of the programs `initdb` and `postgres`. */
  readonly binaries: string
  readonly account: Account | undefined
  readonly passwordFile: string
}

export const USER = "posthorn"

/** Makes the server's files unless they are there. One that was interrupted is begun again. */
export async function makeCluster(cluster: Cluster): Promise<void> {
  if (await exists(join(cluster.directory, "posthorn.ready"))) return
  await rm(cluster.directory, { recursive: true, force: true })
  await mkdir(cluster.directory, { mode: 0o700 })
  // What the program reads has to belong to the account that it runs under.
  const passwordCopy = join(cluster.directory, "..", "initdb.password")
  await writeFile(passwordCopy, await readFile(cluster.passwordFile), { mode: 0o600 })
  if (cluster.account) for (const path of [cluster.directory, passwordCopy]) await chown(path, cluster.account.uid, cluster.account.gid)
  try {
    await initdb(cluster, passwordCopy)
  } finally {
    await rm(passwordCopy, { force: true })
  }
  await writeFile(join(cluster.directory, "posthorn.ready"), "")
}

async function initdb({ directory, binaries, account }: Cluster, passwordFile: string): Promise<void> {
  const args = [
    "--pgdata",
    directory,
    "--username",
    USER,
    "--pwfile",
    passwordFile,
    "--auth",
    "scram-sha-256",
    "--encoding",
    "UTF8",
    "--no-locale",
  ]
  const program = join(binaries, "initdb")
  await chmod(program, 0o755).catch(() => undefined) // Installed by somebody else: then it is executable or the next line says so.
  const command = await runAs({ account, program, args, enters: [directory] })
  try {
    await promisify(execFile)(command.file, command.args, {
      ...command.identity,
      cwd: directory,
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    })
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : ""
    throw new Error(`the embedded database could not be made in ${directory}: ${said}`, { cause: error })
  }
}

/** How long a server that is going down with its former parent may take. */
const LEAVE_MS_MAX = 10_000
const LOOK_MS = 50

/**
 * Waits for a server that still runs on these files, and removes the note of one that is gone: its process number may be somebody else's by now,
 * which would keep the next server from starting. Rejects when the files stay in use.
 */
export async function awaitUnused({ directory }: Cluster): Promise<void> {
  const note = join(directory, "postmaster.pid")
  for (let waitedMs = 0; waitedMs <= LEAVE_MS_MAX; waitedMs += LOOK_MS) {
    const pid = Number((await readText(note))?.split("\n")[0])
    if (!Number.isInteger(pid) || pid <= 0) return
    if (!(await isServerOn(pid, directory))) return platform() === "linux" ? rm(note, { force: true }) : undefined
    await sleep(LOOK_MS)
  }
  throw new Error(`another process uses the database in ${directory}`)
}

/** Where processes cannot be looked at, the server itself finds out whether it is alone. */
async function isServerOn(pid: number, directory: string): Promise<boolean> {
  const command = await readText(`/proc/${pid}/cmdline`)
  return command?.split("\0").includes(directory) ?? false
}

/** The port of the server that runs on a cluster's files and takes connections; `undefined` = none does. */
export async function portInUse(directory: string): Promise<number | undefined> {
  // Process, folder, start, port, …, and as the eighth line whether it is ready.
  const lines = (await readText(join(directory, "postmaster.pid")))?.split("\n") ?? []
  const [pid = "", port = "", state = ""] = [lines[0], lines[3], lines[7]]
  return state.trim() === "ready" && (await isServerOn(Number(pid), directory)) ? Number(port) : undefined
}

const exists = async (path: string): Promise<boolean> => (await readText(path)) !== undefined

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}
