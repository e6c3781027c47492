import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "@posthorn/testkit"
import { describe, expect, it } from "vitest"
import { createClickHouseAnalytics } from "../clickhouse/clickhouse-analytics.ts"
import { analyticsConformance } from "../conformance/analytics-conformance.ts"
import { startEmbeddedClickHouse } from "./embedded-clickhouse.ts"

analyticsConformance("the embedded engine", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-analytics-"))
  const engine = await startEmbeddedClickHouse({ dataDir })
  const url = `${engine.url}/posthorn`
  return {
    url,
    create: (retentionDays) => createClickHouseAnalytics({ url, retentionDays }),
    kill() {
      const pid = engine.processId()
      if (pid !== undefined) process.kill(pid, "SIGKILL")
    },
    async stop() {
      await engine.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
})

describe("the embedded engine's process", () => {
  it("runs nothing for a caller without its password", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "posthorn-analytics-"))
    const engine = await startEmbeddedClickHouse({ dataDir })
    const { origin } = new URL(engine.url)
    const statement = encodeURIComponent("SELECT * FROM file('/etc/hostname', 'LineAsString')")
    for (const authorization of [undefined, "Basic", `Basic ${btoa("posthorn:wrong")}`, `Bearer ${new URL(engine.url).password}`]) {
      const answer = await fetch(`${origin}/?query=${statement}`, {
        method: "POST",
        body: "",
        headers: authorization === undefined ? {} : { authorization },
      })
      expect(answer.status).toBe(401)
    }
    await engine.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  it("ends when the process that started it is killed", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "posthorn-analytics-"))
    const module = new URL("./embedded-clickhouse.ts", import.meta.url).href
    const program = `const { startEmbeddedClickHouse } = await import(${JSON.stringify(module)})
      console.log((await startEmbeddedClickHouse({ dataDir: ${JSON.stringify(dataDir)} })).processId())`
    const parent = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] })
    const [line] = (await once(parent.stdout, "data")) as [Buffer]
    const enginePid = Number(line.toString())
    expect(isAlive(enginePid)).toBe(true)
    parent.kill("SIGKILL")
    await eventually(() => !isAlive(enginePid), { what: "the end of the engine" })
    await rm(dataDir, { recursive: true, force: true })
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
