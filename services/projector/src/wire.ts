import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { openLog } from "@posthorn/log/open"
import {
  checkHealth,
  createLogger,
  Metrics,
  startHealthServer,
  systemClock,
  type EnvConfig,
  type HealthCheck,
  type Lifecycle,
} from "@posthorn/runtime"
import { createPostgresStore } from "@posthorn/store/postgres"
import type { variables } from "./config.ts"
import { LOG_FIELDS, projectorEvents } from "./events.ts"
import { startProjector } from "./projector.ts"

/** A process whose groups have not heard from the log for this long can do nothing any more. */
const SILENCE_MS_MAX = 60_000

/** Starts a projector on the adapters that its environment names. */
export async function wire(config: EnvConfig<typeof variables>, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics()
  metrics.addProcessMetrics()
  const events = projectorEvents(createLogger({ service: "projector", level: config.logLevel, fields: LOG_FIELDS }), metrics)
  const log = await lifecycle.start({
    name: "log",
    start: () => openLog(config, { clientId: "posthorn-projector", onError: (error) => events.logFault(error) }),
    stop: (started) => started.close(),
  })
  const status = await lifecycle.start({
    name: "store",
    start: () => createPostgresStore({ url: config.postgresUrl }),
    stop: (started) => started.close(),
  })
  const analytics = await lifecycle.start({
    name: "analytics",
    start: () => createClickHouseAnalytics({ url: config.clickhouseUrl, retentionDays: config.analyticsRetentionDays }),
    stop: (started) => started.close(),
  })
  const { retentionHours } = config
  const projector = await lifecycle.start({
    name: "projector",
    start: () =>
      startProjector({ log, status, analytics, clock: systemClock, retentionHours, events, failed: (error) => lifecycle.fail(error) }),
    stop: (started) => started.stop(),
  })
  const alive = (): boolean => systemClock.nowMs() - projector.lastContactMs < SILENCE_MS_MAX
  const pinged = (part: { ping(): Promise<void> }, failingSince: () => number | undefined = () => undefined): HealthCheck => ({
    vital: part === log,
    async check() {
      await part.ping()
      const since = failingSince()
      // What a full disk or a wrong schema look like: it answers, and takes nothing.
      return since === undefined ? { status: "ok" } : { status: "down", detail: `takes no rows since ${new Date(since).toISOString()}` }
    },
  })
  const checks = {
    log: pinged(log),
    postgres: pinged(status, () => projector.failingSince("postgres")),
    clickhouse: pinged(analytics, () => projector.failingSince("clickhouse")),
  }
  await lifecycle.start({
    name: "health",
    start: () =>
      startHealthServer({
        host: config.host,
        port: config.httpPort,
        sources: { health: () => checkHealth(checks), ready: () => !lifecycle.signal.aborted && alive(), alive, metrics },
      }),
    stop: (started) => started.stop(),
  })
  events.started()
}
