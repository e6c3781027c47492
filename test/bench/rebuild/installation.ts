import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import { openBenchLog } from "../bench-log.ts"
import { newTopicPrefix } from "../role.ts"
import { appendHistory } from "./history.ts"

export interface FilledLog {
  /** For programs that work on it. */
  readonly plan: string
  stop(): Promise<void>
}

/** A log with the history of so many events, beside stores that are empty. */
export async function fillLog(events: number): Promise<FilledLog> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") })
  const clickhouse = await startEmbeddedClickHouse({ dataDir: join(dataDir, "clickhouse") })
  const stop = async (): Promise<void> => {
    await Promise.all([postgres.stop(), clickhouse.stop()])
    await rm(dataDir, { recursive: true, force: true })
  }
  const reached = { postgresUrl: postgres.url, clickhouseUrl: clickhouse.url, topicPrefix: newTopicPrefix() }
  try {
    const log = await openBenchLog(reached)
    await appendHistory(log, events)
    await log.close()
    // What is made anew stands beside what is live.
    const [status, analytics] = [
      createPostgresStore({ url: postgres.url }),
      createClickHouseAnalytics({ url: clickhouse.url, retentionDays: 90 }),
    ]
    for (const view of [status, analytics]) {
      await view.ping()
      await view.close()
    }
    return { plan: JSON.stringify(reached), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
