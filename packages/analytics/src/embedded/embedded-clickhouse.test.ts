import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
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
