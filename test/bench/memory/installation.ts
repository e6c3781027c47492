import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { EventLog } from "@posthorn/log"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { openBenchLog, PARTITIONS } from "../bench-log.ts"
import { readMetrics, type Metrics } from "../metrics.ts"
import { newTopicPrefix, startRole } from "../role.ts"

/** A delivery service that reads a million subscriptions is ready when it has read them. */
const READY_MS = 300_000

export interface RunningDelivery {
  readonly pid: number
  metrics(): Promise<Metrics>
  stop(): Promise<void>
}

/** A log that records are put into directly, and delivery services on it. */
export interface Installation {
  readonly log: EventLog
  startDelivery(): Promise<RunningDelivery>
  stop(): Promise<void>
}

export async function startInstallation(): Promise<Installation> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const postgres = await startEmbeddedPostgres({ dataDir })
  const topicPrefix = newTopicPrefix()
  const log = await openBenchLog({ topicPrefix, postgresUrl: postgres.url })
  const env = {
    POSTHORN_HOST: "127.0.0.1",
    POSTHORN_POSTGRES_URL: postgres.url,
    POSTHORN_TOPIC_PREFIX: topicPrefix,
    POSTHORN_PARTITIONS: `${PARTITIONS}`,
    POSTHORN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    LOG_LEVEL: "info",
  }
  return {
    log,
    async startDelivery() {
      const port = await freePort()
      const options = { env: { ...env, POSTHORN_HTTP_PORT: `${port}` }, ready: /(delivery started)/, readyMs: READY_MS }
      const { pid, stop } = await startRole("delivery", options)
      return { pid, stop, metrics: () => readMetrics(`http://127.0.0.1:${port}`) }
    },
    async stop() {
      await log.close()
      await postgres.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Delivery does not say on which port it tells its metrics. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}
