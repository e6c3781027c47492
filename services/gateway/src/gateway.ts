import { setTimeout as pause } from "node:timers/promises"
import type { Crypto } from "@posthorn/core"
import { followConfig, type EventLog } from "@posthorn/log"
import { checkHealth, type Clock, type Metrics, type SecretBox } from "@posthorn/runtime"
import type { IdempotencyClaims, StatusReader } from "@posthorn/store"
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

export { gatewayEvents, LOG_FIELDS as gatewayLogFields } from "./events.ts"

export interface GatewayOptions {
  readonly host: string
  /** 0 = any free one, likewise for gRPC. */
  readonly httpPort: number
  readonly grpcPort: number
  readonly corsOrigins: readonly string[]
  readonly operatorKey: string
  readonly log: EventLog
  readonly store: StatusReader & IdempotencyClaims & Pinged
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
  const config = await followConfig(log, { onUndecodable: ({ offset }, cause) => events.configUndecodable(offset, cause) })
  const { table } = config
  const access: Access = { authenticate: createAuthenticate({ table, box, operatorKey: options.operatorKey, nowMs }), authorize }
  const newId = createNewId(nowMs)
  const publishing = { log, config, claims: store, reader: store, nowMs, newId, pause: async (ms: number) => pause(ms), events }
  const keyed = new KeyedAcceptance(publishing)
  const checks = healthChecks({ log, store, analytics: options.analytics, monotonicMs: clock.monotonicMs })
  const doors = await openDoors({
    host,
    httpPort: options.httpPort,
    grpcPort: options.grpcPort,
    corsOrigins: options.corsOrigins,
    access,
    handlers: createHandlers({ config, box, nowMs, newId, judgeUrl: options.judgeUrl, reader: store }),
    publish: {
      publish: createPublish(publishing, keyed),
      ingest: createIngest(publishing, keyed, createVerifySender({ access, box, crypto, nowMs })),
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
  events.started(addresses)
  return {
    ...addresses,
    async stop() {
      await doors.close()
      await config.close()
      events.stopped()
    },
  }
}
