import { join, resolve } from "node:path"
import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { assert, secretPlace } from "@posthorn/core"
import { deliveryEvents, deliveryLogFields, startDelivery } from "@posthorn/delivery"
import { gatewayEvents, gatewayLogFields, startGateway } from "@posthorn/gateway"
import { openLog } from "@posthorn/log/open"
import { judgeUrl, parseAllowedNetworks, type AddressPolicy } from "@posthorn/outbound"
import { createUndiciSender } from "@posthorn/outbound/undici"
import { projectorEvents, projectorLogFields, startProjector } from "@posthorn/projector"
import { createCrypto, createLogger, encryptionKeys, Metrics, SecretBox, systemClock, type EnvConfig, type Lifecycle } from "@posthorn/runtime"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import type { variables } from "./config.ts"
import { generated, makeAdminKey, makeEncryptionKeys, openDataDir } from "./data-dir.ts"
import { standaloneEvents, LOG_FIELDS, type StandaloneEvents } from "./events.ts"
import { welcome } from "./welcome.ts"

type Config = EnvConfig<typeof variables>

/** Starts the three services in this process, on embedded parts where the environment names no others. */
export async function wire(config: Config, lifecycle: Lifecycle): Promise<void> {
  const dataDir = resolve(config.dataDir)
  await openDataDir(dataDir)
  const adminKey = config.adminKey === undefined ? await generated(dataDir, "admin-key", makeAdminKey) : { text: config.adminKey, fresh: false }
  const keys = config.encryptionKeys ?? encryptionKeys.parse((await generated(dataDir, "encryption-keys", makeEncryptionKeys)).text)
  assert(keys !== undefined, "the encryption keys in the data folder are as they were written")
  const box = new SecretBox(keys)
  const crypto = createCrypto()
  const clock = systemClock
  const metrics = new Metrics()
  metrics.addProcessMetrics()
  const events = standaloneEvents(createLogger({ service: "standalone", level: config.logLevel, fields: LOG_FIELDS }))
  const failed = (error: Error): void => lifecycle.fail(error)
  const policy = policyOf(config)

  // Both stores start at the same time; neither waits for the other.
  const [postgresUrl, clickhouseUrl] = await Promise.all([postgres(config, dataDir, { lifecycle, events }), clickhouse(config, dataDir, { lifecycle, events })])
  const log = await lifecycle.start({
    name: "log",
    start: () => openLog({ ...config, postgresUrl }, { clientId: "posthorn-standalone", onError: (error) => events.logFault(error) }),
    stop: (started) => started.close(),
  })
  const store = await lifecycle.start({ name: "store", start: () => createPostgresStore({ url: postgresUrl }), stop: (started) => started.close() })
  const analytics = await lifecycle.start({
    name: "analytics",
    start: () => createClickHouseAnalytics({ url: clickhouseUrl, retentionDays: config.analyticsRetentionDays }),
    stop: (started) => started.close(),
  })
  const sender = await lifecycle.start({ name: "sender", start: () => createUndiciSender({ policy }), stop: (started) => started.close() })
  const logger = <const Field extends string>(service: string, fields: readonly Field[]) => createLogger({ service, level: config.logLevel, fields })
  await lifecycle.start({
    name: "projector",
    start: () => startProjector({ log, status: store, analytics, clock, retentionHours: config.retentionHours, events: projectorEvents(logger("projector", projectorLogFields), metrics), failed }),
    stop: (started) => started.stop(),
  })
  await lifecycle.start({
    name: "delivery",
    start: () =>
      startDelivery({
        log,
        sender,
        crypto,
        clock,
        events: deliveryEvents(logger("delivery", deliveryLogFields), metrics),
        decryptSecret: (sealed, { subscription }) => box.open(sealed, secretPlace(subscription, "secret")),
        failed,
      }),
    stop: (started) => started.stop(),
  })
  const gateway = await lifecycle.start({
    name: "gateway",
    start: () =>
      startGateway({
        host: config.host,
        httpPort: config.httpPort,
        grpcPort: config.grpcPort,
        corsOrigins: config.corsOrigins,
        operatorKey: adminKey.text,
        log,
        store,
        analytics,
        box,
        crypto,
        clock,
        metrics,
        events: gatewayEvents(logger("gateway", gatewayLogFields), metrics),
        judgeUrl: (url) => {
          const judgement = judgeUrl(url, policy)
          return "ok" in judgement ? undefined : judgement.reason
        },
      }),
    stop: (started) => started.stop(),
  })
  const text = await welcome({
    dataDir,
    httpUrl: gateway.httpUrl,
    grpcAddress: gateway.grpcAddress,
    adminKey: adminKey.text,
    adminKeyFresh: adminKey.fresh,
    adminKeyInFile: config.adminKey === undefined,
    testReceiver: "ok" in judgeUrl(`${gateway.httpUrl}/webhook`, policy),
  })
  process.stdout.write(text)
}

interface Around {
  readonly lifecycle: Lifecycle
  readonly events: StandaloneEvents
}

async function postgres(config: Config, dataDir: string, { lifecycle }: Around): Promise<string> {
  if (config.postgresUrl !== undefined) return config.postgresUrl
  const server = await lifecycle.start({ name: "postgres", start: () => startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") }), stop: (started) => started.stop() })
  void server.crashed.then((tail) => lifecycle.fail(new Error(`the embedded Postgres ended: ${tail}`)))
  return server.url
}

async function clickhouse(config: Config, dataDir: string, { lifecycle, events }: Around): Promise<string> {
  if (config.clickhouseUrl !== undefined) return config.clickhouseUrl
  const start = () => startEmbeddedClickHouse({ dataDir: join(dataDir, "clickhouse"), onCrash: (crash) => events.engineCrashed(String(crash.cause), crash.restartInMs) })
  return (await lifecycle.start({ name: "clickhouse", start, stop: (started) => started.stop() })).url
}

const LOOPBACK = /^(localhost|127\..*|::1)$/

/** What deliveries may reach: this machine too, as long as nobody else can reach us. */
function policyOf({ host, allowPrivateNetworks, dnsServers }: Config): AddressPolicy {
  const networks = parseAllowedNetworks((allowPrivateNetworks ?? (LOOPBACK.test(host) ? ["loopback"] : [])).join(","))
  assert("ok" in networks, "the configuration has judged the networks")
  return { allowedNetworks: networks.ok, httpAllowed: true, dnsServers: dnsServers ?? [] }
}
