import type { AnalyticsReader } from "@posthorn/analytics"
import type { Crypto, Rate } from "@posthorn/core"
import { setTimeout as pause } from "node:timers/promises"
import { followConfig, keepConfigSnapshots, type EventLog } from "@posthorn/log"
import { checkHealth, type Clock, type Metrics, type SecretBox } from "@posthorn/runtime"
import type {
  AuditReader,
  ConservationReader,
  DeadLetterQueue,
  IdempotencyClaims,
  KeyUses,
  MutualExclusion,
  ReplayReader,
  StatusReader,
  StoryReader,
} from "@posthorn/store"
import { openAccess } from "./access/open-access.ts"
import { createNewId } from "./commands/new-id.ts"
import type { RootDialect } from "./dialects/root-dialect.ts"
import { openDoors } from "./doors/doors.ts"
import type { Probes } from "./doors/pages.ts"
import type { GatewayEvents } from "./events.ts"
import { healthChecks, type Pinged } from "./health.ts"
import { LiveDeliveries } from "./live/live-deliveries.ts"
import { openPublishing } from "./publish/open-publishing.ts"
import { createHandlers } from "./rpc/handlers.ts"
import { SchemaChecker } from "./schemas/schema-checker.ts"
import { createStatsLag } from "./rpc/analytics/stats-lag.ts"
import { TaskRunner } from "./tasks/task-runner.ts"

export { checkDialect, dialectVariables, rootDialectOf } from "./dialects/dialect-variables.ts"
export { gatewayEvents, LOG_FIELDS as gatewayLogFields } from "./events.ts"

export interface GatewayOptions {
  readonly host: string
  /** 0 = any free one, likewise for gRPC. */
  readonly httpPort: number
  readonly grpcPort: number
  readonly corsOrigins: readonly string[]
  /** Absent = dialects are served below `/compat` alone. */
  readonly rootDialect?: RootDialect | undefined
  /** How many events an application may publish to this gateway unless it says otherwise itself; `undefined` = any number. */
  readonly ingestRateLimit?: Omit<Rate, "burst"> | undefined
  readonly operatorKey: string
  readonly log: EventLog
  readonly store: StatusReader &
    StoryReader &
    AuditReader &
    ConservationReader &
    KeyUses &
    DeadLetterQueue &
    ReplayReader &
    MutualExclusion &
    IdempotencyClaims &
    Pinged
  readonly analytics: AnalyticsReader & Pinged
  readonly box: SecretBox
  readonly crypto: Crypto
  readonly clock: Clock
  readonly metrics: Metrics
  readonly events: GatewayEvents
  /** Why a URL may not be delivered to, or `undefined` when it may. */
  readonly judgeUrl: (url: string) => string | undefined
}

export interface Gateway {
  readonly httpUrl: string
  readonly grpcAddress: string
  /** Answers what is under way, takes nothing new. The log and the stores stay open: whoever opened them closes them. */
  stop(): Promise<void>
}

/** Starts a gateway: it accepts events once it has read the configuration. Any number of them may run beside each other. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host, log, store, box, crypto, clock, events, analytics } = options
  const { nowMs, monotonicMs } = clock
  let tasks: TaskRunner | undefined = undefined
  const config = await followConfig(log, {
    onChange: (changes) => tasks?.changed(changes),
    onUndecodable: ({ offset }, cause) => events.configUndecodable(offset, cause),
  })
  const snapshots = keepConfigSnapshots({
    log,
    config,
    written: (position) => events.configSnapshotWritten(position),
    failed: (cause) => events.configSnapshotFailed(cause),
  })
  const { operatorKey, ingestRateLimit } = options
  const { access, refusals, stop: stopAccess } = openAccess({ log, table: config.table, store, box, operatorKey, clock, events })
  const schemas = new SchemaChecker({ nowMs, onThreadFault: (cause) => events.schemaThreadFailed(cause) })
  const shared = {
    log,
    config,
    box,
    reader: store,
    claims: store,
    newId: createNewId(nowMs),
    schemas,
    pause: async (ms: number) => pause(ms),
  }
  const live = new LiveDeliveries({ log, box, nowMs, exists: (applicationId) => config.table.application(applicationId) !== undefined })
  const lagRecords = createStatsLag({ log, monotonicMs, pause: shared.pause })
  const doors = await openDoors({
    ...options,
    access,
    refusals,
    handlers: createHandlers({ ...shared, nowMs, judgeUrl: options.judgeUrl, analytics, lagRecords, live }),
    publish: openPublishing({ ...shared, access, crypto, clock, ingestRateLimit, events }),
    probes: probesOf(options),
  }).catch(async (error: unknown) => {
    await Promise.all([snapshots.close(), stopAccess()])
    await config.close()
    throw error
  })
  const named = host.includes(":") ? `[${host}]` : host
  const addresses = { httpUrl: `http://${named}:${doors.httpPort}`, grpcAddress: `${named}:${doors.grpcPort}` }
  tasks = new TaskRunner({ log, config, store, nowMs, events })
  events.started(addresses)
  if (options.rootDialect?.keylessFrom !== undefined) events.dialectWithoutKey(options.rootDialect)
  return {
    ...addresses,
    async stop() {
      await Promise.all([doors.close(), tasks?.stop()])
      await Promise.all([live.stop(), schemas.stop(), snapshots.close(), stopAccess()])
      await config.close()
      events.stopped()
    },
  }
}

function probesOf({ log, store, analytics, clock, metrics }: GatewayOptions): Probes {
  const checks = healthChecks({ log, store, analytics, monotonicMs: clock.monotonicMs })
  return {
    async health() {
      const health = await checkHealth(checks)
      return { serving: health.status !== "down", body: health }
    },
    ready: () => true,
    metrics: async () => ({ contentType: metrics.contentType, body: await metrics.text() }),
  }
}
