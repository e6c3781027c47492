import { writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import type { TcpProxy } from "@posthorn/testkit"
import { apiOf } from "../e2e/api.ts"
import { type Services, startServices } from "../e2e/installation.ts"
import { account } from "./account.ts"
import type { Cluster } from "./cluster.ts"
import { ENDPOINTS, type EndpointName, type Endpoints, startEndpoints } from "./endpoints.ts"
import { judge, type Findings } from "./ledger.ts"
import { wayThrough } from "./network.ts"
import { publishAll, type Published } from "./publisher.ts"
import type { Scenario, World } from "./scenarios/scenario.ts"
import { readViews, type Views } from "./views.ts"

export interface RunOptions {
  readonly seed: string
  readonly events: number
  /** How long they take to be published at an even pace, and as long faults are begun. */
  readonly forMs: number
  readonly say: (line: string) => void
}

export interface Outcome {
  readonly scenario: Scenario
  readonly sent: number
  readonly faults: number
  /** Processes that were ended with SIGKILL. */
  readonly kills: number
  readonly published: Published
  readonly findings: Findings
  /** `undefined` when a store could not be read to the end. */
  readonly views: Views | undefined
  /** What the log and the views do not account for, as Posthorn's own command tells; nothing where the views are known to lack something. */
  readonly unaccounted: readonly string[]
  /** What the scenario itself finds wrong; empty when nothing is. */
  readonly problems: readonly string[]
  /** Why a process that nobody killed did not end as it should; empty when all did. */
  readonly badEnd: string
  readonly seconds: number
}

const FIRST_FAULT_MS = 3000
/** As long as a try may be put off, and some time to make it: what has not come by then does not come. */
const DRAIN_MS_MAX = limits.DEFER_MS_MAX + 60_000
const LOOK_MS = 1000
const ANSWER_MS = 10_000
const DELAYS_SECONDS = [1, 1, 2, 2, 4, 4, 5, 5, 10, 10]

/** Starts an installation, publishes while faults are injected, waits until everything has come to rest, and says what became of every event. */
export async function runScenario(scenario: Scenario, cluster: Cluster, options: RunOptions): Promise<Outcome> {
  const startedMs = performance.now()
  const stores: TcpProxy[] = []
  const { wayAddresses, addresses } = cluster.kafka
  const posthorn = await startServices(scenario.network ? wayAddresses : addresses, {
    also: scenario.also ?? [],
    ...(scenario.network ? { wayTo: wayThrough(stores) } : {}),
  })
  const endpoints = await startEndpoints(options.seed)
  let outcome: Omit<Outcome, "badEnd" | "seconds">
  let badEnd = ""
  try {
    const prepared = await prepare(posthorn, endpoints, scenario)
    const network = { kafka: cluster.ways, stores }
    const world = { ...prepared, posthorn, kafka: cluster.kafka, endpoints, network, garbage: new Set<string>(), broken: [] }
    outcome = await disturb(scenario, world, options)
  } finally {
    const log = join(tmpdir(), `posthorn-chaos-${scenario.name}.log`)
    await writeFile(log, posthorn.output())
    options.say(`log lines of all processes: ${log}`)
    await endpoints.stop()
    await posthorn.stop().catch((error: unknown) => void (badEnd = String(error)))
    await Promise.all(stores.map((store) => store.stop()))
  }
  await cluster.forget(posthorn.kafka?.prefix ?? "")
  return { ...outcome, badEnd, seconds: (performance.now() - startedMs) / 1000 }
}

async function disturb(scenario: Scenario, world: World, options: RunOptions): Promise<Omit<Outcome, "badEnd" | "seconds">> {
  const { posthorn, endpoints, kafka, subscriptions } = world
  const { forMs, say } = options
  const events = scenario.events ?? options.events
  const kills = (): number => kafka.brokers.reduce((sum, broker) => sum + broker.kills, posthorn.kills())
  const killsBefore = kills()
  const token = await senderToken(world)
  say(`started; publishing ${events} events over ${forMs / 1000} s to ${ENDPOINTS.length} subscriptions`)
  const { halfWithoutKey = false, sendsAgain = false, answerMs = ANSWER_MS, delaysSeconds = DELAYS_SECONDS } = scenario
  const publishing = publishAll({ httpUrl: posthorn.httpUrl, token, events, forMs, answerMs, halfWithoutKey, sendsAgain })
  const faults = await injectUntil(AbortSignal.timeout(forMs), scenario, { world, say })
  const published = await publishing
  const { acknowledged, repeated, unavailable, cutOff, doneAndCutOff } = published
  say(
    `${acknowledged.size} acknowledged; ${repeated} requests repeated (${unavailable} × 503, ${cutOff} cut off, of which ${doneAndCutOff} done); ${faults} faults; draining`,
  )
  const judged = (): Findings =>
    judge({ acknowledged, subscriptions, arrivals: endpoints.arrivals, delaysMs: delaysSeconds.map((seconds) => seconds * 1000) })
  const wanted = acknowledged.size * ENDPOINTS.length
  const atRest = ({ delivered, unfinished, holes, apart }: Views): boolean =>
    (scenario.viewsLack || (delivered === wanted && unfinished + holes + apart === 0)) && judged().lost.length === 0
  const views = await drain({ scenario, world, atRest, say })
  const findings = judged()
  const unaccounted = scenario.viewsLack ? [] : await account(posthorn)
  const problems = [...world.broken, ...((await scenario.problems?.(world, published)) ?? [])]
  return { scenario, sent: events, faults, kills: kills() - killsBefore, published, findings, views, unaccounted, problems }
}

async function prepare(
  posthorn: Services,
  endpoints: Endpoints,
  scenario: Scenario,
): Promise<Pick<World, "api" | "applicationId" | "subscriptions">> {
  const api = apiOf(posthorn, posthorn.adminKey)
  const application = await api.must<{ id: string }>("POST", "/v1/applications", { name: "chaos" })
  const { delaysSeconds = DELAYS_SECONDS, timeoutMs = 0 } = scenario
  const subscribe = async (endpoint: EndpointName): Promise<string> => {
    const path = `/v1/applications/${application.id}/subscriptions`
    const url = endpoints.urlOf(endpoint)
    const wanted = { url, eventTypes: ["chaos.*"], secret: "generate", bodyStyle: "raw", retryPolicy: { delaysSeconds }, timeoutMs }
    return (await api.must<{ id: string }>("POST", path, wanted)).id
  }
  const subscriptions = { healthy: await subscribe("healthy"), flaky: await subscribe("flaky"), slow: await subscribe("slow") }
  return { api, applicationId: application.id, subscriptions }
}

async function senderToken({ api, applicationId }: World): Promise<string> {
  return (await api.must<{ token: string }>("POST", `/v1/applications/${applicationId}/keys`, { name: "chaos", role: "sender" })).token
}

interface Injecting {
  readonly world: World
  readonly say: RunOptions["say"]
}

/** Answers how often. A fault that was begun is made good even when the time is over. */
async function injectUntil(over: AbortSignal, scenario: Scenario, { world, say }: Injecting): Promise<number> {
  for (let nth = 0, pauseMs = FIRST_FAULT_MS; ; nth++, pauseMs = scenario.everyMs) {
    await wait(pauseMs, undefined, { signal: over }).catch(() => undefined)
    if (over.aborted) return nth
    const startedMs = performance.now()
    await scenario.fault(world, nth)
    say(`fault ${nth + 1}, made good after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  }
}

interface Draining extends Injecting {
  readonly scenario: Scenario
  readonly atRest: (views: Views) => boolean
}

/** Waits until everything is at rest, or for `DRAIN_MS_MAX`. Answers the last look at the views. */
async function drain({ scenario, world, atRest, say }: Draining): Promise<Views | undefined> {
  const startedMs = performance.now()
  let views: Views | undefined
  let problem: unknown
  while (performance.now() - startedMs < DRAIN_MS_MAX) {
    await wait(LOOK_MS)
    try {
      await scenario.tend?.(world)
      views = await readViews(world.posthorn)
      if (atRest(views)) break
    } catch (error) {
      problem = error
    }
  }
  if (views === undefined) say(`the views cannot be read: ${String(problem)}`)
  say(`drained for ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return views
}
