import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { platform, tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "@posthorn/testkit"
import pg from "pg"
import { afterEach, beforeEach, expect, test } from "vitest"
import { startEmbeddedPostgres } from "./embedded-postgres.ts"

const TIMEOUT = { timeout: 90_000 }
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-embedded-"))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

const serverPid = async (): Promise<number> => Number((await readFile(join(dataDir, "cluster", "postmaster.pid"), "utf8")).split("\n")[0])

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A process of its own that starts a server on the data folder and tells its URL. */
async function startInChild(): Promise<{ child: ChildProcess; url: string }> {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL("embedded-postgres.ts", import.meta.url).href)})
    console.log((await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} })).url)`
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] })
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string]
  return { child, url: line.trim() }
}

test("keeps its data from one start to the next, under a password that nobody else can read", TIMEOUT, async () => {
  const first = await startEmbeddedPostgres({ dataDir })
  await query(first.url, "create table kept as select 42 as answer")
  expect((await stat(join(dataDir, "password"))).mode & 0o777).toBe(0o600)
  const wrong = new URL(first.url)
  wrong.password = "wrong"
  await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed")
  await first.stop()
  const second = await startEmbeddedPostgres({ dataDir })
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }])
  await second.stop()
})

test("ends with a parent that is killed, and the next start finds everything that was committed", TIMEOUT, async () => {
  const { child, url } = await startInChild()
  await query(url, "create table kept as select 42 as answer")
  const pid = await serverPid()
  child.kill("SIGKILL")
  await once(child, "exit")
  const next = await startEmbeddedPostgres({ dataDir })
  expect(await query(next.url, "select answer from kept")).toEqual([{ answer: 42 }])
  await eventually(() => !isRunning(pid), { timeoutMs: 20_000, what: "the end of the server that was left behind" })
  await next.stop()
})

test.runIf(platform() === "linux")(
  "Ctrl-C for the parent's group does not reach the server: the parent decides when it is not needed any more",
  TIMEOUT,
  async () => {
    const { child, url } = await startInChild()
    const group = Number((await readFile(`/proc/${await serverPid()}/stat`, "utf8")).split(" ")[4])
    expect(group).not.toBe(Number((await readFile(`/proc/${child.pid}/stat`, "utf8")).split(" ")[4]))
    expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }])
    child.kill("SIGKILL")
    await once(child, "exit")
    await eventually(async () => !(await stat(join(dataDir, "cluster", "postmaster.pid")).catch(() => false)), {
      timeoutMs: 20_000,
      what: "the end of the server",
    })
  },
)

test("starts although the note of a server that is gone names a process that somebody else has now", TIMEOUT, async () => {
  const first = await startEmbeddedPostgres({ dataDir })
  const note = join(dataDir, "cluster", "postmaster.pid")
  const text = await readFile(note, "utf8")
  await first.stop()
  await writeFile(note, text.replace(/^\d+/, String(process.pid)))
  const second = await startEmbeddedPostgres({ dataDir })
  expect(await query(second.url, "select 1 as one")).toEqual([{ one: 1 }])
  await second.stop()
})

test("tells when the server is gone by itself, and not when it was stopped", TIMEOUT, async () => {
  const server = await startEmbeddedPostgres({ dataDir })
  process.kill(await serverPid(), "SIGQUIT")
  expect(await server.crashed).toBeTypeOf("string")
  const again = await startEmbeddedPostgres({ dataDir })
  await again.stop()
  expect(await Promise.race([again.crashed, Promise.resolve("quiet")])).toBe("quiet")
})
