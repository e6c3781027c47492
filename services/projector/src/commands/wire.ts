import { access } from "node:fs/promises"
import { join, resolve } from "node:path"
import { findEmbeddedClickHouse, startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { createClickHouseRebuild } from "@posthorn/analytics/rebuild"
import type { AnalyticsRebuild } from "@posthorn/analytics"
import type { EventLog } from "@posthorn/log"
import { openLog } from "@posthorn/log/open"
import type { EnvConfig, Lifecycle } from "@posthorn/runtime"
import type { MutualExclusion, StatusShadow, StatusStore } from "@posthorn/store"
import { findEmbeddedPostgres, startEmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import { createPostgresShadow } from "@posthorn/store/shadow"
import { limits } from "@posthorn/core"
import type { commandVariables } from "../config.ts"

export type CommandConfig = EnvConfig<typeof commandVariables>

interface Opening {
  readonly config: CommandConfig
  readonly lifecycle: Lifecycle
  /** For people. */
  readonly say: (line: string) => void
}

/** The Postgres that the environment names, or the one of the data folder, which is started for the time of the command unless it runs. */
export async function openPostgres({ config, lifecycle, say }: Opening): Promise<string> {
  if (config.postgresUrl !== undefined) return config.postgresUrl
  const dataDir = await partOf(config, "postgres")
  const running = await findEmbeddedPostgres(dataDir)
  if (running !== undefined) return running
  say(`starting the Postgres of ${config.dataDir} for the time of this command`)
  const server = await lifecycle.start({
    name: "postgres",
    start: () => startEmbeddedPostgres({ dataDir }),
    stop: (started) => started.stop(),
  })
  return server.url
}

/** The same for ClickHouse. */
export async function openClickHouse({ config, lifecycle, say }: Opening): Promise<string> {
  if (config.clickhouseUrl !== undefined) return config.clickhouseUrl
  const dataDir = await partOf(config, "clickhouse")
  const running = await findEmbeddedClickHouse(dataDir)
  if (running !== undefined) return running
  say(`starting the ClickHouse of ${config.dataDir} for the time of this command`)
  const engine = await lifecycle.start({
    name: "clickhouse",
    start: () => startEmbeddedClickHouse({ dataDir }),
    stop: (started) => started.stop(),
  })
  return engine.url
}

/** The event log that the environment names, or the one of the data folder. */
export function openEventLog({ config, lifecycle, say }: Opening, postgresUrl: string): Promise<EventLog> {
  const onError = (error: Error): void => say(`the log reports a fault: ${error.message}`)
  return lifecycle.start({
    name: "log",
    start: () => openLog({ ...config, postgresUrl }, { clientId: "posthorn-command", onError }),
    stop: (started) => started.close(),
  })
}

/** For what only one process at a time may do. */
export const openExclusion = ({ lifecycle }: Opening, url: string): Promise<MutualExclusion> =>
  lifecycle.start({ name: "store", start: () => createPostgresStore({ url, connections: 1 }), stop: (started) => started.close() })

export const openStore = ({ lifecycle }: Opening, url: string): Promise<StatusStore> =>
  lifecycle.start({ name: "store", start: () => createPostgresStore({ url }), stop: (started) => started.close() })

export const openShadow = ({ lifecycle }: Opening, url: string, schema: "posthorn_rebuild" | "posthorn_verify"): Promise<StatusShadow> =>
  lifecycle.start({
    name: "shadow",
    start: () => createPostgresShadow({ url, schema, connections: limits.REBUILD_LANES }),
    stop: (started) => started.close(),
  })

export const openAnalyticsRebuild = ({ config, lifecycle }: Opening, url: string): Promise<AnalyticsRebuild> =>
  lifecycle.start({
    name: "analytics",
    start: () => createClickHouseRebuild({ url, retentionDays: config.analyticsRetentionDays }),
    stop: (started) => started.close(),
  })

/** The folder of an embedded part, which has to be there: a command makes no installation. */
async function partOf({ dataDir }: CommandConfig, part: "postgres" | "clickhouse"): Promise<string> {
  const folder = join(resolve(dataDir), part)
  try {
    await access(folder)
    return folder
  } catch (cause) {
    throw new Error(`neither a URL is set nor is there a standalone's ${folder}`, { cause })
  }
}
