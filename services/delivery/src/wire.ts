import { secretPlace } from "@posthorn/core"
import { openLog } from "@posthorn/log/open"
import { addressPolicy } from "@posthorn/outbound"
import { createUndiciSender } from "@posthorn/outbound/undici"
import {
  availableMemoryBytes,
  checkHealth,
  createCrypto,
  createLogger,
  Metrics,
  SecretBox,
  startHealthServer,
  systemClock,
  type EnvConfig,
  type Lifecycle,
} from "@posthorn/runtime"
import type { variables } from "./config.ts"
import { startDelivery } from "./delivery.ts"
import { deliveryEvents, LOG_FIELDS } from "./events.ts"

/** A process whose groups have not heard from the log for this long can do nothing any more. */
const SILENCE_MS_MAX = 60_000

/** Starts delivery on the adapters that its environment names. */
export async function wire(config: EnvConfig<typeof variables>, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics()
  metrics.addProcessMetrics()
  const events = deliveryEvents(createLogger({ service: "delivery", level: config.logLevel, fields: LOG_FIELDS }), metrics)
  systemClock.onJump((jump) => events.clockJumped(jump))
  const box = new SecretBox(config.encryptionKeys)
  const policy = addressPolicy(config)

  const log = await lifecycle.start({
    name: "log",
    start: () => openLog(config, { clientId: "posthorn-delivery", onError: (error) => events.logFault(error) }),
    stop: (started) => started.close(),
  })
  const sender = await lifecycle.start({ name: "sender", start: () => createUndiciSender({ policy }), stop: (started) => started.close() })
  const delivery = await lifecycle.start({
    name: "delivery",
    start: () =>
      startDelivery({
        log,
        sender,
        crypto: createCrypto(),
        clock: systemClock,
        events,
        memoryBytes: availableMemoryBytes(),
        decryptSecret: (sealed, { subscription }) => box.open(sealed, secretPlace(subscription, "secret")),
        failed: (error) => lifecycle.fail(error),
      }),
    stop: (started) => started.stop(),
  })
  const alive = (): boolean => Date.now() - delivery.lastContactMs < SILENCE_MS_MAX
  await lifecycle.start({
    name: "health",
    start: () =>
      startHealthServer({
        host: config.host,
        port: config.httpPort,
        sources: {
          health: () => checkHealth({ log: { vital: true, check: () => log.ping().then(() => ({ status: "ok" })) } }),
          ready: () => !lifecycle.signal.aborted && alive(),
          alive,
          metrics,
        },
      }),
    stop: (started) => started.stop(),
  })
  events.started()
}
