import { writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { startKafka } from "@posthorn/testkit"
import { apiOf } from "../e2e/api.ts"
import { type Services, startServices } from "../e2e/installation.ts"
import { ENDPOINTS, type EndpointName, startEndpoints } from "./endpoints.ts"
import { judge, type Findings } from "./ledger.ts"
import { publishAll, type Published } from "./publisher.ts"
import type { Scenario, World } from "./scenarios.ts"
import { readViews, type Views } from "./views.ts"

export interface RunOptions {
  readonly seed: string
  readonly events: number
  readonly say: (line: string) => void
}

export interface Outcome {
  readonly scenario: Scenario
  readonly sent: number
  readonly faults: number
  readonly published: Published
  readonly findings: Findings
  /** `undefined` when a store could not be read to the end. */
  readonly views: Views | undefined
  /** Why a process that nobody killed did not end as it should; empty when all did. */
  readonly badEnd: string
  readonly seconds: number
}

const LOAD_MS = 32_000
const FIRST_FAULT_MS = 3000
const DRAIN_MS_MAX = 60_000
const LOOK_MS = 1000
const DELAYS_SECONDS = [1, 1, 2, 2, 4, 4, 5, 5, 10, 10]

/** Starts everything, publishes while faults are injected, waits until everything has come to rest, and says what became of every event. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const startedMs = performance.now()
  const kafka = await startKafka({ brokers: 3 })
  try {
    const posthorn = await startServices(kafka.addresses, { deliveries: scenario.deliveries ?? 1 })
    const endpoints = await startEndpoints(options.seed)
    let outcome: Omit<Outcome, "badEnd" | "seconds">
    let badEnd = ""
    try {
      outcome = await disturb(scenario, { posthorn, kafka, endpoints }, options)
    } finally {
      const log = join(tmpdir(), `posthorn-chaos-${scenario.name}.log`)
      await writeFile(log, posthorn.output())
      options.say(`log lines of all processes: ${log}`)
      await endpoints.stop()
      await posthorn.stop().catch((error: unknown) => void (badEnd = String(error)))
    }
    return { ...outcome, badEnd, seconds: (performance.now() - startedMs) / 1000 }
  } finally {
    await kafka.remove()
  }
}

async function disturb(scenario: Scenario, world: World, { events, say }: RunOptions): Promise<Omit<Outcome, "badEnd" | "seconds">> {
  const { posthorn, endpoints } = world
  const { subscriptions, token } = await prepare(world)
  say(`started; publishing ${events} events over ${LOAD_MS / 1000} s to ${ENDPOINTS.length} subscriptions`)
  const publishing = publishAll({
    httpUrl: posthorn.httpUrl,
    token,
    events,
    forMs: LOAD_MS,
    halfWithoutKey: scenario.halfWithoutKey ?? false,
  })
  const faults = await injectUntil(AbortSignal.timeout(LOAD_MS), scenario, world, say)
  const published = await publishing
  say(`${published.acknowledged.size} acknowledged, ${published.repeated} requests repeated, ${faults} faults; draining`)
  const judged = (): Findings =>
    judge({ ...published, subscriptions, arrivals: endpoints.arrivals, delaysMs: DELAYS_SECONDS.map((seconds) => seconds * 1000) })
  const wanted = published.acknowledged.size * ENDPOINTS.length
  const atRest = ({ delivered, unfinished, holes, apart }: Views): boolean =>
    delivered === wanted && unfinished + holes + apart === 0 && judged().lost.length === 0
  const views = await drain(posthorn, atRest, say)
  return { scenario, sent: events, faults, published, findings: judged(), views }
}

interface Prepared {
  readonly token: string
  readonly subscriptions: Record<EndpointName, string>
}

async function prepare({ posthorn, endpoints }: World): Promise<Prepared> {
  const api = apiOf(posthorn, posthorn.adminKey)
  const application = await api.must<{ id: string }>("POST", "/v1/applications", { name: "chaos" })
  const path = `/v1/applications/${application.id}`
  const subscribe = async (endpoint: EndpointName): Promise<string> =>
    (
      await api.must<{ id: string }>("POST", `${path}/subscriptions`, {
        url: endpoints.urlOf(endpoint),
        eventTypes: ["chaos.*"],
        secret: "generate",
        bodyStyle: "raw",
        retryPolicy: { delaysSeconds: DELAYS_SECONDS },
      })
    ).id
  const subscriptions = { healthy: await subscribe("healthy"), flaky: await subscribe("flaky"), slow: await subscribe("slow") }
  const { token } = await api.must<{ token: string }>("POST", `${path}/keys`, { name: "chaos", role: "sender" })
  return { token, subscriptions }
}

/** Answers how often. A fault that was begun is made good even when the time is over. */
async function injectUntil(over: AbortSignal, scenario: Scenario, world: World, say: RunOptions["say"]): Promise<number> {
  for (let nth = 0, pauseMs = FIRST_FAULT_MS; ; nth++, pauseMs = scenario.everyMs) {
    await wait(pauseMs, undefined, { signal: over }).catch(() => undefined)
    if (over.aborted) return nth
    const startedMs = performance.now()
    await scenario.fault(world, nth)
    say(`fault ${nth + 1}, made good after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  }
}

/** Waits until everything is at rest, or for `DRAIN_MS_MAX`. Answers the last look at the views. */
async function drain(posthorn: Services, atRest: (views: Views) => boolean, say: RunOptions["say"]): Promise<Views | undefined> {
  const startedMs = performance.now()
  let views: Views | undefined
  let problem: unknown
  while (performance.now() - startedMs < DRAIN_MS_MAX) {
    await wait(LOOK_MS)
    try {
      views = await readViews(posthorn)
      if (atRest(views)) break
    } catch (error) {
      problem = error
    }
  }
  if (views === undefined) say(`the views cannot be read: ${String(problem)}`)
  say(`drained for ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return views
}
