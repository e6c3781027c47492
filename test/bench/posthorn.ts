import { randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { EventLog } from "@posthorn/log"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { openBenchLog, PARTITIONS } from "./bench-log.ts"
import { readMetrics, type Metrics } from "./metrics.ts"
import { newTopicPrefix, startRole } from "./role.ts"

/** A service that reads a million subscriptions is ready when it has read them. */
const READY_MS = 300_000

export interface RunningPosthorn {
  readonly httpPort: number
  readonly adminKey: string
  readonly pid: number
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  /** What the process says of itself now. */
  metrics(): Promise<Metrics>
  stop(): Promise<void>
}

/** Posthorn as a user starts it, on an empty data directory; on Kafka if `POSTHORN_KAFKA_BROKERS` says so. */
export async function startPosthorn(given: Readonly<Record<string, string>> = {}): Promise<RunningPosthorn> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const env = { ...given, POSTHORN_DATA_DIR: dataDir, POSTHORN_TOPIC_PREFIX: newTopicPrefix() }
  const running = await startRole("standalone", { env, ready: /(http:\/\/127\.0\.0\.1:\d+) / })
  const adminKey = (await readFile(join(dataDir, "admin-key"), "utf8")).trim()
  return {
    ...apiOf(running.ready, adminKey),
    pid: running.pid,
    stop: () => running.stop().then(() => rm(dataDir, { recursive: true, force: true })),
  }
}

export interface RunningGateway extends RunningPosthorn {
  readonly grpcPort: number
  /** Of the log. */
  readonly postgresUrl: string
  /** Starts the delivery service on the same log. Stop it before the gateway. */
  startDelivery(): Promise<{ readonly pid: number; stop(): Promise<void> }>
  /** The log itself, to put records into. Close it before the gateway is stopped. */
  openLog(): Promise<EventLog>
}

/** The gateway alone with its log: what accepting costs, without what other processes make of it. */
export async function startGateway(): Promise<RunningGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const postgres = await startEmbeddedPostgres({ dataDir })
  const adminKey = randomBytes(24).toString("hex")
  const topicPrefix = newTopicPrefix()
  const shared = {
    POSTHORN_HOST: "127.0.0.1",
    POSTHORN_TOPIC_PREFIX: topicPrefix,
    POSTHORN_PARTITIONS: `${PARTITIONS}`,
    POSTHORN_POSTGRES_URL: postgres.url,
    POSTHORN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    POSTHORN_ALLOW_PRIVATE_NETWORKS: "loopback",
    LOG_LEVEL: "info",
  }
  // Nobody asks for analytics here.
  const env = { ...shared, POSTHORN_ADMIN_KEY: adminKey, POSTHORN_CLICKHOUSE_URL: "http://127.0.0.1:9" }
  const running = await startRole("gateway", { env, ready: /(\{.*"gateway started".*\})/ })
  const { httpUrl, grpcAddress } = JSON.parse(running.ready) as { readonly httpUrl: string; readonly grpcAddress: string }
  return {
    ...apiOf(httpUrl, adminKey),
    grpcPort: Number(new URL(`http://${grpcAddress}`).port),
    pid: running.pid,
    postgresUrl: postgres.url,
    startDelivery: () => startRole("delivery", { env: shared, ready: /(delivery started)/, readyMs: READY_MS }),
    openLog: () => openBenchLog({ topicPrefix, postgresUrl: postgres.url }),
    stop: () =>
      running
        .stop()
        .then(() => postgres.stop())
        .then(() => rm(dataDir, { recursive: true, force: true })),
  }
}

function apiOf(url: string, adminKey: string): Pick<RunningPosthorn, "httpPort" | "adminKey" | "call" | "metrics"> {
  return {
    httpPort: Number(new URL(url).port),
    adminKey,
    metrics: () => readMetrics(url),
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" }
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
      return (await response.json()) as T
    },
  }
}
