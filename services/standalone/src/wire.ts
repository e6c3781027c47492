import { join, resolve } from "node:path"
import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { assert, secretPlace } from "@posthorn/core"
import { deliveryEvents, deliveryLogFields, startDelivery } from "@posthorn/delivery"
import { gatewayEvents, gatewayLogFields, rootDialectOf, startGateway } from "@posthorn/gateway"
import { openLog } from "@posthorn/log/open"
import { addressPolicy, urlJudge, type AddressPolicy } from "@posthorn/outbound"
import { createUndiciSender } from "@posthorn/outbound/undici"
import { projectorEvents, projectorLogFields, startProjector } from "@posthorn/projector"
import {
  availableMemoryBytes,
  createCrypto,
  createLogger,
  encryptionKeys,
  Metrics,
  SecretBox,
  systemClock,
  type EnvConfig,
  type Lifecycle,
} from "@posthorn/runtime"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import type { variables } from "./config.ts"
import { generated, makeAdminKey, makeEncryptionKeys, openDataDir } from "./data-dir.ts"
import { standaloneEvents, LOG_FIELDS, type StandaloneEvents } from "./events.ts"
import type { WelcomeOptions } from "./welcome.ts"

type Config = EnvConfig<typeof variables>

/** Starts the three services in this process, on embedded parts where the environment names no others. Answers what to tell the user. */
export async function wire(config: Config, lifecycle: Lifecycle): Promise<WelcomeOptions> {
  const dataDir = resolve(config.dataDir)
  await openDataDir(dataDir)
  const adminKey =
    config.adminKey === undefined ? await generated(dataDir, "admin-key", makeAdminKey) : { text: config.adminKey, fresh: false }
  const parts = await openParts(config, { dataDir, lifecycle })
  const { events, policy } = parts
  await lifecycle.start({
    name: "projector",
    start: () => startProjector({ ...parts, status: parts.store, retentionHours: config.retentionHours, events: events.projector }),
    stop: (started) => started.stop(),
  })
  await lifecycle.start({
    name: "delivery",
    start: () =>
      startDelivery({
        ...parts,
        events: events.delivery,
        // The other services and the engines need most of it.
        memoryBytes: availableMemoryBytes() / 4,
        decryptSecret: (sealed, { subscription }) => parts.box.open(sealed, secretPlace(subscription, "secret")),
      }),
    stop: (started) => started.stop(),
  })
  const gateway = await lifecycle.start({
    name: "gateway",
    start: () =>
      startGateway({
        ...config,
        ...parts,
        rootDialect: rootDialectOf(config),
        operatorKey: adminKey.text,
        events: events.gateway,
        judgeUrl: urlJudge(policy),
      }),
    stop: (started) => started.stop(),
  })
  return {
    dataDir,
    httpUrl: gateway.httpUrl,
    grpcAddress: gateway.grpcAddress,
    adminKey: adminKey.text,
    adminKeyFresh: adminKey.fresh,
    adminKeyInFile: config.adminKey === undefined,
    testReceiver: urlJudge(policy)(`${gateway.httpUrl}/webhook`) === undefined,
  }
}

interface Place {
  readonly dataDir: string
  readonly lifecycle: Lifecycle
}

/** What the services share: the log, the stores, the sender, and the small things around them. */
async function openParts(config: Config, place: Place) {
  const { lifecycle, dataDir } = place
  const keys = config.encryptionKeys ?? encryptionKeys.parse((await generated(dataDir, "encryption-keys", makeEncryptionKeys)).text)
  assert(keys !== undefined, "the encryption keys in the data folder are as they were written")
  const metrics = new Metrics()
  metrics.addProcessMetrics()
  const events = eventsOf(config, metrics)
  const policy = policyOf(config)
  // Both stores start at the same time; neither waits for the other.
  const [postgresUrl, clickhouseUrl] = await Promise.all([postgres(config, place), clickhouse(config, place, events.own)])
  const log = await lifecycle.start({
    name: "log",
    start: () => openLog({ ...config, postgresUrl }, { clientId: "posthorn-standalone", onError: (error) => events.own.logFault(error) }),
    stop: (started) => started.close(),
  })
  const store = await lifecycle.start({
    name: "store",
    start: () => createPostgresStore({ url: postgresUrl }),
    stop: (started) => started.close(),
  })
  const analytics = await lifecycle.start({
    name: "analytics",
    start: () => createClickHouseAnalytics({ url: clickhouseUrl, retentionDays: config.analyticsRetentionDays }),
    stop: (started) => started.close(),
  })
  const sender = await lifecycle.start({ name: "sender", start: () => createUndiciSender({ policy }), stop: (started) => started.close() })
  const failed = (error: Error): void => lifecycle.fail(error)
  systemClock.onJump((jump) => events.delivery.clockJumped(jump))
  return {
    log,
    store,
    analytics,
    sender,
    policy,
    metrics,
    events,
    failed,
    box: new SecretBox(keys),
    crypto: createCrypto(),
    clock: systemClock,
  }
}

function eventsOf({ logLevel: level }: Config, metrics: Metrics) {
  return {
    own: standaloneEvents(createLogger({ service: "standalone", level, fields: LOG_FIELDS })),
    projector: projectorEvents(createLogger({ service: "projector", level, fields: projectorLogFields }), metrics),
    delivery: deliveryEvents(createLogger({ service: "delivery", level, fields: deliveryLogFields }), metrics),
    gateway: gatewayEvents(createLogger({ service: "gateway", level, fields: gatewayLogFields }), metrics),
  }
}

async function postgres(config: Config, { dataDir, lifecycle }: Place): Promise<string> {
  if (config.postgresUrl !== undefined) return config.postgresUrl
  const server = await lifecycle.start({
    name: "postgres",
    start: () => startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") }),
    stop: (started) => started.stop(),
  })
  void server.crashed.then((tail) => lifecycle.fail(new Error(`the embedded Postgres ended: ${tail}`)))
  return server.url
}

async function clickhouse(config: Config, { dataDir, lifecycle }: Place, events: StandaloneEvents): Promise<string> {
  if (config.clickhouseUrl !== undefined) return config.clickhouseUrl
  const start = () =>
    startEmbeddedClickHouse({
      dataDir: join(dataDir, "clickhouse"),
      onCrash: (crash) => events.engineCrashed(String(crash.cause), crash.restartInMs),
    })
  return (await lifecycle.start({ name: "clickhouse", start, stop: (started) => started.stop() })).url
}

const LOOPBACK = /^(localhost|127\..*|::1)$/

/** What deliveries may reach: this machine too, as long as nobody else can reach us. */
function policyOf({ host, allowPrivateNetworks, dnsServers }: Config): AddressPolicy {
  return addressPolicy({ allowPrivateNetworks: allowPrivateNetworks ?? (LOOPBACK.test(host) ? ["loopback"] : []), dnsServers })
}
