import { limits, ShareMeter, type Crypto } from "@posthorn/core"
import { setTimeout as pause } from "node:timers/promises"
import { followConfig, type EventLog } from "@posthorn/log"
import { checkHealth, type Clock, type Metrics, type SecretBox } from "@posthorn/runtime"
import type { DeadLetterQueue, IdempotencyClaims, MutualExclusion, StatusReader } from "@posthorn/store"
import { createAuthenticate } from "./access/authenticate.ts"
import { authorize } from "./access/authorize.ts"
import type { Access } from "./call.ts"
import { createNewId } from "./commands/new-id.ts"
import { openDoors } from "./doors/doors.ts"
import type { GatewayEvents } from "./events.ts"
import { healthChecks, type Pinged } from "./health.ts"
import { createIngest } from "./publish/ingest.ts"
import { KeyedAcceptance } from "./publish/keyed-acceptance.ts"
import { createPublish } from "./publish/publish.ts"
import { createVerifySender } from "./publish/verify-sender.ts"
import { createHandlers } from "./rpc/handlers.ts"
import { TaskRunner } from "./tasks/task-runner.ts"

export { gatewayEvents, LOG_FIELDS as gatewayLogFields } from "./events.ts"

export interface GatewayOptions {
  readonly host: string
  /** 0 = any free one, likewise for gRPC. */
  readonly httpPort: number
  readonly grpcPort: number
  readonly corsOrigins: readonly string[]
  readonly operatorKey: string
  readonly log: EventLog
  readonly store: StatusReader & DeadLetterQueue & MutualExclusion & IdempotencyClaims & Pinged
  readonly analytics: Pinged
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
  const { host, log, store, box, crypto, clock, events, metrics } = options
  const { nowMs } = clock
  let tasks: TaskRunner | undefined = undefined
  const config = await followConfig(log, {
    onChange: (changes) => tasks?.changed(changes),
    onUndecodable: ({ offset }, cause) => events.configUndecodable(offset, cause),
  })
  const { table } = config
  const access: Access = {
    authenticate: createAuthenticate({ table, box, operatorKey: options.operatorKey, nowMs: () => clock.wallMs() }),
    authorize,
  }
  const newId = createNewId(nowMs)
  const waiting = { pause: async (ms: number) => pause(ms) }
  const shares = new ShareMeter({ perSecond: limits.LIVE_PER_SECOND, burst: limits.LIVE_BURST })
  const publishing = { log, config, shares, claims: store, reader: store, nowMs, newId, events, ...waiting }
  const keyed = new KeyedAcceptance(publishing)
  const checks = healthChecks({ log, store, analytics: options.analytics, monotonicMs: clock.monotonicMs })
  const doors = await openDoors({
    host,
    httpPort: options.httpPort,
    grpcPort: options.grpcPort,
    corsOrigins: options.corsOrigins,
    access,
    handlers: createHandlers({ config, box, nowMs, newId, log, judgeUrl: options.judgeUrl, reader: store, ...waiting }),
    publish: {
      publish: createPublish(publishing, keyed),
      ingest: createIngest(publishing, keyed, createVerifySender({ access, box, crypto, nowMs: () => clock.wallMs() })),
    },
    events,
    probes: {
      async health() {
        const health = await checkHealth(checks)
        return { serving: health.status !== "down", body: health }
      },
      ready: () => true,
      metrics: async () => ({ contentType: metrics.contentType, body: await metrics.text() }),
    },
  }).catch(async (error: unknown) => {
    await config.close()
    throw error
  })
  const named = host.includes(":") ? `[${host}]` : host
  const addresses = { httpUrl: `http://${named}:${doors.httpPort}`, grpcAddress: `${named}:${doors.grpcPort}` }
  tasks = new TaskRunner({ log, config, store, nowMs, events })
  events.started(addresses)
  return {
    ...addresses,
    async stop() {
      await Promise.all([doors.close(), tasks?.stop()])
      await config.close()
      events.stopped()
    },
  }
}
