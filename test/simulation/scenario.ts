import { create } from "@bufbuild/protobuf"
import { formatId } from "@posthorn/core"
import type { Script, ScriptedReply } from "@posthorn/outbound/scripted"
import { SubscriptionSchema, ErrorClass, type Subscription } from "@posthorn/proto"
import type { AppendFaults } from "./faulty-log.ts"
import type { Random } from "./random.ts"

/** Shares of one, by which an endpoint answers. What is left is a 200. */
export interface Endpoint {
  readonly fails: number
  readonly hangs: number
  readonly throttles: number
  readonly gone: number
  readonly slowMs: number
  /** From then on it answers nothing but 503 … */
  readonly downAtMs: number
  /** … until then. */
  readonly upAtMs: number
  /** From then on all is well. */
  readonly wellAtMs: number
}

/** What may go wrong with processes and records. */
export const FAULTS = ["crash", "cut off", "freeze", "clock jump", "join", "leave", "append", "poison"] as const
export type Fault = (typeof FAULTS)[number]

/** What people want of subscriptions and deliveries while they run. */
export const COMMANDS = ["disable", "delete", "pause", "cancel", "retry", "redrive"] as const
export type Command = (typeof COMMANDS)[number]

/** One run, drawn from its seed. */
export interface Scenario {
  readonly partitions: number
  readonly processes: number
  readonly applications: readonly string[]
  readonly subscriptions: readonly Subscription[]
  readonly events: number
  readonly lastsMs: number
  /** Empty: nothing goes wrong but endpoints. */
  readonly faults: readonly Fault[]
  readonly betweenFaultsMs: number
  /** Empty: nobody wants anything. */
  readonly commands: readonly Command[]
  readonly betweenCommandsMs: number
  /** Of one process: how many attempts it makes at the same time follows. */
  readonly memoryBytes: number
  readonly appendFaults: AppendFaults
  readonly script: Script
}

export const EVENT_TYPES = ["order.created", "order.paid", "invoice.sent"] as const
/** What Posthorn tells of its own doing. */
const OPERATIONAL_TYPES = ["delivery.dead", "subscription.failing", "subscription.recovered", "subscription.disabled"] as const

/** @param nowMs since the beginning of the run */
export function drawScenario(random: Random, nowMs: () => number): Scenario {
  const applications = Array.from({ length: random.between(1, 2) }, () => formatId("application", random.bytes(16)))
  const subscriptions = Array.from({ length: random.between(2, 6) }, (_, index) =>
    drawSubscription(random, random.pick(applications), index),
  )
  const lastsMs = random.between(5, 90) * 1000
  const endpoints = new Map(subscriptions.map(({ url }) => [url, drawEndpoint(random, lastsMs)]))
  const calm = random.chance(0.1)
  const share = (): number => (random.chance(0.5) ? random.next() * 0.5 : 0)
  return {
    partitions: random.between(1, 4),
    processes: random.between(1, 4),
    applications,
    subscriptions,
    events: random.between(10, random.chance(0.1) ? 400 : 60),
    lastsMs,
    faults: calm ? [] : FAULTS.filter(() => random.chance(0.5)),
    betweenFaultsMs: random.between(200, 8000),
    commands: COMMANDS.filter(() => random.chance(0.4)),
    betweenCommandsMs: random.between(200, 8000),
    memoryBytes: random.pick([2 ** 20, 2 ** 30]),
    appendFaults: { refused: share(), unknown: share(), twice: share(), slow: share() },
    script: (request) => reply(random, endpoints.get(request.url), nowMs()),
  }
}

function drawSubscription(random: Random, applicationId: string, index: number): Subscription {
  const delaysSeconds = Array.from({ length: random.between(0, 4) }, () => random.pick([0, 0, 1, 2, 7, 20, 58, 60]))
  return create(SubscriptionSchema, {
    id: formatId("subscription", random.bytes(16)),
    applicationId,
    url: `https://endpoint-${index}.example.net/`,
    eventTypes: [random.pick(["*", "order.*", ...EVENT_TYPES]), ...OPERATIONAL_TYPES.filter(() => random.chance(0.15))],
    enabled: true,
    timeoutMs: random.between(1000, 9000),
    // No waits at all would be the default schedule, which takes days.
    retryPolicy: delaysSeconds.length > 0 ? { delaysSeconds } : { retryCount: 0 },
    ...(random.chance(0.2) ? { rateLimit: { count: random.between(1, 5), periodSeconds: 1, burst: random.pick([0, 5]) } } : {}),
    ...(random.chance(0.2) ? { concurrency: random.between(1, 3) } : {}),
  })
}

function drawEndpoint(random: Random, lastsMs: number): Endpoint {
  const share = (): number => (random.chance(0.4) ? random.next() * 0.6 : 0)
  const gone = random.chance(0.1) ? 0.05 : 0
  const downAtMs = random.chance(0.3) ? random.between(0, lastsMs) : Number.POSITIVE_INFINITY
  const times = { downAtMs, upAtMs: downAtMs + random.between(5, 120) * 1000, wellAtMs: lastsMs + random.between(0, 120) * 1000 }
  return { ...times, fails: share(), hangs: share() / 2, throttles: share() / 2, gone, slowMs: random.pick([0, 5, 50, 500, 3000]) }
}

function reply(random: Random, endpoint: Endpoint | undefined, nowMs: number): ScriptedReply {
  if (endpoint === undefined) return { kind: "none", errorClass: ErrorClass.DNS }
  const delayMs = random.between(0, endpoint.slowMs)
  if (nowMs >= endpoint.wellAtMs) return { kind: "answer", statusCode: 200, delayMs }
  if (nowMs >= endpoint.downAtMs && nowMs < endpoint.upAtMs) return { kind: "answer", statusCode: 503, delayMs }
  if (random.chance(endpoint.hangs)) return { kind: "hang" }
  if (random.chance(endpoint.gone)) return { kind: "answer", statusCode: 410, delayMs }
  if (random.chance(endpoint.throttles))
    return { kind: "answer", statusCode: 429, headers: { "retry-after": `${random.between(0, 12)}` }, delayMs }
  if (random.chance(endpoint.fails))
    return random.chance(0.3) ? { kind: "none", errorClass: ErrorClass.CONNECT } : { kind: "answer", statusCode: 500, delayMs }
  return { kind: "answer", statusCode: 200, delayMs }
}
