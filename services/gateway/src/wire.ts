import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { openLog } from "@posthorn/log/open"
import { addressPolicy, urlJudge } from "@posthorn/outbound"
import { createCrypto, createLogger, Metrics, SecretBox, systemClock, type EnvConfig, type Lifecycle } from "@posthorn/runtime"
import { createPostgresStore } from "@posthorn/store/postgres"
import type { variables } from "./config.ts"
import { rootDialectOf } from "./dialects/dialect-variables.ts"
import { gatewayEvents, LOG_FIELDS } from "./events.ts"
import { startGateway } from "./gateway.ts"

type Config = EnvConfig<typeof variables>

/** Starts a gateway on the adapters that its environment names. */
export async function wire(config: Config, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics()
  metrics.addProcessMetrics()
  const events = gatewayEvents(createLogger({ service: "gateway", level: config.logLevel, fields: LOG_FIELDS }), metrics)
  const log = await lifecycle.start({
    name: "log",
    start: () => openLog(config, { clientId: "posthorn-gateway", onError: (error) => events.logFault(error) }),
    stop: (started) => started.close(),
  })
  const store = await lifecycle.start({
    name: "store",
    start: () => createPostgresStore({ url: config.postgresUrl }),
    stop: (started) => started.close(),
  })
  const analytics = await lifecycle.start({
    name: "analytics",
    start: () => createClickHouseAnalytics({ url: config.clickhouseUrl, retentionDays: config.analyticsRetentionDays }),
    stop: (started) => started.close(),
  })
  await lifecycle.start({
    name: "gateway",
    start: () =>
      startGateway({
        host: config.host,
        httpPort: config.httpPort,
        grpcPort: config.grpcPort,
        corsOrigins: config.corsOrigins,
        rootDialect: rootDialectOf(config),
        ingestRateLimit: config.ingestRateLimit,
        operatorKey: config.adminKey,
        log,
        store,
        analytics,
        box: new SecretBox(config.encryptionKeys),
        crypto: createCrypto(),
        clock: systemClock,
        metrics,
        events,
        judgeUrl: urlJudge(addressPolicy(config)),
      }),
    stop: (gateway) => gateway.stop(),
  })
}
