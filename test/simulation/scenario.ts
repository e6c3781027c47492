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
}

/** What may happen to processes and records, each as often as the seed likes. */
export const FAULTS = ["crash", "cut off", "join", "leave", "append", "poison", "disable", "delete"] as const
export type Fault = (typeof FAULTS)[number]

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
  readonly appendFaults: AppendFaults
  readonly script: Script
}

export const EVENT_TYPES = ["order.created", "order.paid", "invoice.sent"] as const

export function drawScenario(random: Random): Scenario {
  const applications = Array.from({ length: random.between(1, 2) }, () => formatId("application", random.bytes(16)))
  const subscriptions = Array.from({ length: random.between(2, 6) }, (_, index) =>
    drawSubscription(random, random.pick(applications), index),
  )
  const endpoints = new Map(subscriptions.map(({ url }) => [url, drawEndpoint(random)]))
  const calm = random.chance(0.1)
  const share = (): number => (random.chance(0.5) ? random.next() * 0.5 : 0)
  return {
    partitions: random.between(1, 4),
    processes: random.between(1, 4),
    applications,
    subscriptions,
    events: random.between(10, random.chance(0.1) ? 400 : 60),
    lastsMs: random.between(5, 90) * 1000,
    faults: calm ? [] : FAULTS.filter(() => random.chance(0.5)),
    betweenFaultsMs: random.between(200, 8000),
    appendFaults: { refused: share(), unknown: share(), twice: share(), slow: share() },
    script: (request) => reply(random, endpoints.get(request.url)),
  }
}

function drawSubscription(random: Random, applicationId: string, index: number): Subscription {
  const delaysSeconds = Array.from({ length: random.between(0, 4) }, () => random.pick([0, 0, 1, 2, 7, 20, 58, 60]))
  return create(SubscriptionSchema, {
    id: formatId("subscription", random.bytes(16)),
    applicationId,
    url: `https://endpoint-${index}.example.net/`,
    eventTypes: [random.pick(["*", "order.*", ...EVENT_TYPES])],
    enabled: true,
    timeoutMs: random.between(1000, 9000),
    // No waits at all would be the default schedule, which takes days.
    retryPolicy: delaysSeconds.length > 0 ? { delaysSeconds } : { retryCount: 0 },
    ...(random.chance(0.2) ? { rateLimit: { count: random.between(1, 5), periodSeconds: 1 } } : {}),
    ...(random.chance(0.2) ? { concurrency: random.between(1, 3) } : {}),
  })
}

function drawEndpoint(random: Random): Endpoint {
  const share = (): number => (random.chance(0.4) ? random.next() * 0.6 : 0)
  const gone = random.chance(0.1) ? 0.05 : 0
  return { fails: share(), hangs: share() / 2, throttles: share() / 2, gone, slowMs: random.pick([0, 5, 50, 500, 3000]) }
}

function reply(random: Random, endpoint: Endpoint | undefined): ScriptedReply {
  if (endpoint === undefined) return { kind: "none", errorClass: ErrorClass.DNS }
  const delayMs = random.between(0, endpoint.slowMs)
  if (random.chance(endpoint.hangs)) return { kind: "hang" }
  if (random.chance(endpoint.gone)) return { kind: "answer", statusCode: 410, delayMs }
  if (random.chance(endpoint.throttles))
    return { kind: "answer", statusCode: 429, headers: { "retry-after": `${random.between(0, 12)}` }, delayMs }
  if (random.chance(endpoint.fails))
    return random.chance(0.3) ? { kind: "none", errorClass: ErrorClass.CONNECT } : { kind: "answer", statusCode: 500, delayMs }
  return { kind: "answer", statusCode: 200, delayMs }
}
