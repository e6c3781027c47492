import { randomUUID } from "node:crypto"
import {
  decideDisable,
  EVENT_TOPICS,
  limits,
  permissionAt,
  RETRY_TIERS,
  type Crypto,
  type SubscriptionEntity,
  type Topic,
} from "@posthorn/core"
import { followConfig, type ConfigFollower, type EventLog, type GroupHandler, type GroupMember, type Window } from "@posthorn/log"
import type { AttemptSender } from "@posthorn/outbound"
import type { Clock } from "@posthorn/runtime"
import type { DeliveryEvents } from "./events.ts"
import { createOperationalEvents, type OperationalEvents } from "./worker/operational-events.ts"
import { createRetryTiers } from "./retry-tiers.ts"
import { createRouter } from "./router/router.ts"
import { createSubscriptionTable } from "./subscription-table.ts"
import { createSureAppender, type SureAppender } from "./sure-appender.ts"
import { Worker } from "./worker/worker.ts"

export { deliveryEvents, LOG_FIELDS as deliveryLogFields } from "./events.ts"

export interface DeliveryOptions {
  readonly log: EventLog
  readonly sender: AttemptSender
  readonly crypto: Crypto
  readonly clock: Clock
  readonly events: DeliveryEvents
  /** Memory that the process may use: it bounds how many attempts are made at the same time. Absent = plenty. */
  readonly memoryBytes?: number
  /** Gives a signing secret in clear. */
  readonly decryptSecret: (encrypted: string, entity: SubscriptionEntity) => string
  /** A group member is lost for good: the process should end. */
  readonly failed: (error: Error) => void
}

export interface Delivery {
  /** Unix milliseconds at which every group last heard from the log. */
  readonly lastContactMs: number
  /** Stops taking work, waits for what is under way, commits and leaves. */
  stop(): Promise<void>
}

const UPKEEP_MS = 5000
const GONE = "the endpoint answered 410 Gone"
const GROUPS = [
  ["router", EVENT_TOPICS],
  ["delivery", ["deliveries", "deliveries.bulk", "control", "parked"]],
  ["retry", RETRY_TIERS],
] as const satisfies readonly (readonly [string, readonly Topic[]])[]

/** What waits in the retry tiers waits long, in five of them; in the shortest all that is due within seconds has to be in sight. */
function windowOf(topic: Topic): Window {
  if (topic === "retry.5s") return { records: limits.SHORT_RETRY_WINDOW_RECORDS_MAX, bytes: limits.SHORT_RETRY_WINDOW_BYTES_MAX }
  return RETRY_TIERS.some((tier) => tier === topic) ? { bytes: limits.RETRY_WINDOW_BYTES_MAX } : {}
}

/** Starts the three stages of delivery: the router, the worker and the retry tiers. Any number of them may run; the log shares the work. */
export async function startDelivery(options: DeliveryOptions): Promise<Delivery> {
  const { log, clock, events, sender, crypto } = options
  const stopping = new AbortController()
  const failed = (error: Error): void => {
    if (stopping.signal.aborted) return
    stopping.abort()
    options.failed(error)
  }
  let config: ConfigFollower | undefined
  const subscriptions = createSubscriptionTable({ find: (id) => config?.table.subscription(id), crypto, decrypt: options.decryptSecret })
  let worker: Worker | undefined
  const follower = (config = await followConfig(log, {
    onChange: (changes) => {
      subscriptions.changed(changes)
      worker?.changed(changes)
    },
    onUndecodable: ({ offset }, error) => events.configUndecodable(offset, error),
  }))
  const appender = createSureAppender(log, stopping.signal, (error) => events.appendFailed(error))
  const operational = createOperationalEvents(subscriptions, follower)
  const disable = (subscriptionId: string): void =>
    void disableGone({ follower, clock, events, operational, appender, signal: stopping.signal }, subscriptionId)
  const secretUnreadable = (subscriptionId: string, error: unknown): void => events.secretUnreadable(subscriptionId, error)
  const attemptsMax = attemptsWithin(options.memoryBytes ?? Number.POSITIVE_INFINITY)
  const deliverer = (worker = new Worker({
    secretUnreadable,
    log,
    sender,
    subscriptions,
    crypto,
    clock,
    appender,
    events,
    operational,
    attemptsMax,
    disable,
    failed,
  }))
  const isOver = (subscriptionId: string, position: bigint): boolean =>
    permissionAt(position, subscriptions.get(subscriptionId)).kind === "cancel"
  const handlers: Record<(typeof GROUPS)[number][0], GroupHandler> = {
    router: createRouter({ config: follower, subscriptions, appender, clock, events, failed, signal: stopping.signal }),
    delivery: deliverer,
    retry: createRetryTiers({ appender, clock, events, failed, isOver }),
  }
  const members: GroupMember[] = []
  for (const [group, topics] of GROUPS) {
    const lost = (error: Error): void => {
      events.memberFailed(group, error)
      failed(error)
    }
    const handler = handlers[group]
    members.push(await log.join({ group, topics, handler: { ...bound(handler), failed: lost }, window: windowOf }))
  }
  const stopUpkeep = startUpkeep(log, deliverer, events)
  return {
    get lastContactMs() {
      return Math.min(...members.map((member) => member.lastContactMs))
    },
    async stop() {
      const keptUp = stopUpkeep()
      // In the order of the data: the router stops making work before the worker stops doing it.
      for (const member of members) await member.leave()
      stopping.abort()
      deliverer.stop()
      await keptUp
      await follower.close()
    },
  }
}

/** How many attempts a process of that memory can make at the same time: they may have a quarter of it. */
const attemptsWithin = (bytes: number): number =>
  Math.min(Math.max(Math.floor(bytes / 4 / limits.ATTEMPT_BYTES), limits.ATTEMPTS_IN_FLIGHT_MIN), limits.ATTEMPTS_IN_FLIGHT_MAX)

/** A handler's methods as plain functions, so that one of them can be replaced. */
function bound(handler: GroupHandler): GroupHandler {
  return {
    ...(handler.assigned ? { assigned: handler.assigned.bind(handler) } : {}),
    ...(handler.revoked ? { revoked: handler.revoked.bind(handler) } : {}),
    records: handler.records.bind(handler),
    failed: handler.failed.bind(handler),
  }
}

interface DisableOptions {
  readonly operational: OperationalEvents
  readonly appender: SureAppender
  readonly signal: AbortSignal
  readonly follower: ConfigFollower
  readonly clock: Clock
  readonly events: DeliveryEvents
}

/** Proposes that a subscription stops. When somebody else changed it meanwhile, or the log is away, the next 410 proposes it again. */
async function disableGone(options: DisableOptions, subscriptionId: string): Promise<void> {
  const { follower, clock, events, operational, appender, signal } = options
  try {
    const context = { changeId: randomUUID(), nowMs: clock.nowMs(), actor: { id: "delivery", requestId: "" } }
    const change = decideDisable(follower.table, { subscriptionId, reason: GONE }, context)
    if (change === undefined || !(await follower.propose(change))) return
    events.subscriptionDisabled(subscriptionId, GONE)
    const entity = follower.table.subscription(subscriptionId)
    // Somebody may have changed it again since.
    const version = Number(change.expectedVersion) + 1
    if (entity) await appender.append(operational.disabled({ ...entity, version }, GONE, clock.nowMs()), signal)
  } catch (error) {
    events.subscriptionNotDisabled(subscriptionId, error)
  }
}

/** Keeps up from time to time. Answers how to stop that, which resolves when nothing of it is under way, and never rejects. */
function startUpkeep(log: EventLog, worker: Worker, events: DeliveryEvents): () => Promise<void> {
  let underWay: Promise<void> | undefined
  const timer = setInterval(() => {
    underWay ??= keepUp(log, worker, events).finally(() => (underWay = undefined))
  }, UPKEEP_MS)
  return async () => {
    clearInterval(timer)
    await underWay
  }
}

/** Tells how far behind the groups are, and frees what is done with. */
async function keepUp(log: EventLog, worker: Worker, events: DeliveryEvents): Promise<void> {
  try {
    await worker.keepUp()
    for (const [group, topics] of GROUPS) {
      const lags = await log.lag(group, topics)
      for (const topic of topics) {
        const records = lags
          .filter((lag) => lag.topic === topic)
          .reduce((sum, { committed, high }) => sum + Math.max(0, high - committed), 0)
        events.lagSeen(group, topic, records)
      }
      if (group === "retry") for (const { topic, partition, committed } of lags) await log.trim(topic, partition, committed)
    }
  } catch (error) {
    events.upkeepFailed(error)
  }
}
