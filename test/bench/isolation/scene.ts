import { setTimeout as wait } from "node:timers/promises"
import { assertSent, PACE, pacedBody } from "../paced.ts"
import { startPosthorn, type RunningPosthorn } from "../posthorn.ts"
import { load } from "../processes.ts"
import type { Trouble } from "../sink.ts"
import { startSink, type Sink } from "../start-sink.ts"
import { openApplication, operatorTarget } from "../tenant.ts"
import { startNames, type Names } from "./names.ts"
import { timed } from "./timed.ts"
import { countHealthy, turnsOf, type Shares } from "./turns.ts"
import { warmUp } from "./warm-up.ts"

/** Longer than an attempt may take, so that what hangs is seen to time out. */
export const FOR_MS = 18_000
/** What has not arrived this long after the last event was sent counts as not kept up with. */
const GRACE_MS = 2000
/** How long others that are well may take for all that they got: what exceeds their share is behind. */
const OTHERS_MS_MAX = 60_000

/** Healthy endpoints of one application, and others beside them that get some share of the events. */
export interface Scene extends Shares {
  /** How many times as many events as in other lanes that measure how long one takes; default 1. */
  readonly pace?: number
  /** What befalls the others once all have been healthy for a while. */
  readonly trouble?: Trouble | "unresolvable"
  /** The others belong to another application. */
  readonly foreign?: true
}

export interface Played {
  readonly p99Ms: number
  readonly kept: number
}

interface Stage {
  readonly posthorn: RunningPosthorn
  readonly sink: Sink
  readonly other: Sink
  readonly names: Names
}

/** Every scene has a Posthorn of its own: what hangs in one would still be tried again in the next. */
export async function play(scene: Scene): Promise<Played> {
  await using names = await startNames()
  const posthorn = await startPosthorn({ POSTHORN_DNS_SERVERS: names.address })
  const [sink, other] = [await startSink(), await startSink()]
  try {
    return await measure(scene, { posthorn, sink, other, names })
  } finally {
    await posthorn.stop()
    await Promise.all([sink.stop(), other.stop()])
  }
}

async function measure(scene: Scene, stage: Stage): Promise<Played> {
  const { posthorn, sink, other } = stage
  const { pace = 1, trouble } = scene
  const turns = turnsOf(scene)
  const bodies = await subscribe(scene, stage)
  const plan = { ...operatorTarget(posthorn), perSecond: pace * PACE.perSecond, connections: pace * PACE.connections, bodies }
  await warmUp(plan)
  const before = await attemptsBy(posthorn)
  await Promise.all([sink.forget(), other.forget()])
  await befall(scene, stage)
  const sent = await load({ ...plan, forMs: FOR_MS })
  assertSent(sent)
  await wait(GRACE_MS)
  const waits = (await sink.arrived()).waits["/timed"] ?? []
  assertBefallen(trouble, before, await attemptsBy(posthorn))
  const toHealthy = countHealthy(turns, sent.answers)
  // A scene whose others are well has not happened before they have got all of theirs.
  if (trouble === undefined) await other.waitFor(sent.answers - toHealthy, OTHERS_MS_MAX)
  return { p99Ms: timed(waits, toHealthy, FOR_MS).p99Ms, kept: waits.length / toHealthy }
}

/** Makes the applications and their subscriptions; answers the events to be sent in turn. */
async function subscribe(scene: Scene, { posthorn, sink, other, names }: Stage): Promise<string[]> {
  const { healthy, others, trouble, foreign } = scene
  const tenant = await openApplication(posthorn)
  const beside = foreign ? await openApplication(posthorn) : tenant
  for (let index = 0; index < healthy; index++) await tenant.subscribe({ url: `${sink.url}/timed`, eventTypes: [`healthy.${index}`] })
  for (let index = 0; index < others; index++) {
    const host = trouble === "unresolvable" ? names.host(index) : "127.0.0.1"
    await beside.subscribe({ url: `http://${host}:${other.port}/`, eventTypes: [`other.${index}`] })
  }
  return turnsOf(scene).map(({ kind, index }) => pacedBody(`${kind}.${index}`, (kind === "healthy" ? tenant : beside).applicationId))
}

async function befall({ trouble }: Scene, { other, names }: Stage): Promise<void> {
  if (trouble === "unresolvable") names.fail()
  // Connections that are open would need no name.
  if (trouble !== undefined) await other.trouble(trouble === "unresolvable" ? "reset" : trouble)
}

const OUTCOMES = ["timeout", "status", "dns", "connect", "protocol"] as const
type Outcome = (typeof OUTCOMES)[number]
const EXPECTED: Readonly<Record<NonNullable<Scene["trouble"]>, Outcome>> = {
  hang: "timeout",
  drip: "timeout",
  reset: "connect",
  fail: "status",
  unresolvable: "dns",
}

async function attemptsBy(posthorn: RunningPosthorn): Promise<Record<Outcome, number>> {
  const metrics = await posthorn.metrics()
  const count = (outcome: Outcome): number => metrics.sum("posthorn_delivery_attempts_total", { outcome })
  return { timeout: count("timeout"), status: count("status"), dns: count("dns"), connect: count("connect"), protocol: count("protocol") }
}

/** The scene is played only if attempts ended as its trouble ends them, and in a scene without trouble none failed. */
function assertBefallen(trouble: Scene["trouble"], before: Record<Outcome, number>, after: Record<Outcome, number>): void {
  const failed = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, after[outcome] - before[outcome]]))
  const asExpected = trouble === undefined ? Object.values(failed).every((count) => count === 0) : (failed[EXPECTED[trouble]] ?? 0) > 0
  if (!asExpected) throw new Error(`with ${trouble ?? "no trouble"}, attempts failed otherwise: ${JSON.stringify(failed)}`)
}
