import { setTimeout as wait } from "node:timers/promises"
import { partitionOf } from "@posthorn/core"
import { assertSent, pacedBody } from "../paced.ts"
import { startPosthorn, type RunningPosthorn } from "../posthorn.ts"
import { load, startLoad } from "../processes.ts"
import { startSink, type Sink } from "../start-sink.ts"
import { openApplication, operatorTarget, type Target, type Tenant } from "../tenant.ts"
import { timed } from "./timed.ts"
import { watchLags } from "./watch-lags.ts"
import { warmUp } from "./warm-up.ts"

const EVENTS = 100_000
const BATCH = 1000
const BATCH_CONNECTIONS = 4
const PARTITIONS = 6
/** Neighbours in the partition: of another application, and of the one that the burst comes from. */
const FOREIGN = 6
const OWN = 3
const NEIGHBOURS_PER_SECOND = 10 * (FOREIGN + OWN)
const NEIGHBOUR_CONNECTIONS = 256
const BURST_MS_MAX = 240_000
/** How long neighbours' events are waited for when the burst is over. */
const GRACE_MS = 5000
const text = "x".repeat(560)

/** What a subscription's neighbours in its partition notice when 100,000 events are published for it at once, while each of the nine gets 10 a second. */
export async function burst(): Promise<Record<string, number>> {
  const posthorn = await startPosthorn({ POSTHORN_PARTITIONS: `${PARTITIONS}` })
  const [sink, other] = [await startSink(), await startSink()]
  try {
    const [tenant, stranger] = [await openApplication(posthorn), await openApplication(posthorn)]
    const partition = partitionOf(await tenant.subscribe({ url: `${other.url}/`, eventTypes: ["burst"] }), PARTITIONS)
    const bodies = [
      ...(await neighbours(stranger, { count: FOREIGN, partition, url: `${sink.url}/timed/foreign` })),
      ...(await neighbours(tenant, { count: OWN, partition, url: `${sink.url}/timed/own` })),
    ]
    const target = operatorTarget(posthorn)
    await warmUp({ ...target, connections: NEIGHBOUR_CONNECTIONS, bodies: [...bodies, pacedBody("burst", tenant.applicationId)] })
    await Promise.all([sink.forget(), other.forget()])

    const paced = startLoad({
      ...target,
      bodies,
      connections: NEIGHBOUR_CONNECTIONS,
      perSecond: NEIGHBOURS_PER_SECOND,
      forMs: BURST_MS_MAX,
    })
    await sink.waitFor(1, 10_000)
    const figures = await publishBurst({ posthorn, sink: other, target, applicationId: tenant.applicationId })
    paced.end()
    const sent = await paced.result
    assertSent(sent)
    await wait(GRACE_MS)
    const { waits } = await sink.arrived()
    // In turn: of every nine, the first are the other application's.
    const rest = sent.answers % bodies.length
    const rounds = Math.floor(sent.answers / bodies.length)
    const foreign = timed(waits["/timed/foreign"] ?? [], rounds * FOREIGN + Math.min(rest, FOREIGN), GRACE_MS)
    const own = timed(waits["/timed/own"] ?? [], rounds * OWN + Math.max(0, rest - FOREIGN), GRACE_MS)
    return {
      burstP50Ms: foreign.p50Ms,
      burstP99Ms: foreign.p99Ms,
      burstMaxMs: foreign.maxMs,
      burstOwnP50Ms: own.p50Ms,
      burstOwnP99Ms: own.p99Ms,
      burstOwnMaxMs: own.maxMs,
      ...figures,
    }
  } finally {
    await posthorn.stop()
    await sink.stop()
    await other.stop()
  }
}

interface Wanted {
  readonly count: number
  readonly partition: number
  readonly url: string
}

/** Makes subscriptions whose ids hash to the partition, and answers an event for each. Others that are made on the way get nothing. */
async function neighbours({ applicationId, subscribe }: Tenant, { count, partition, url }: Wanted): Promise<string[]> {
  const bodies: string[] = []
  for (let tries = 0; bodies.length < count; tries++) {
    if (tries > 100 * PARTITIONS) throw new Error(`fewer than ${count} of ${tries} subscriptions are in partition ${partition}`)
    const type = `neighbour.${tries}`
    if (partitionOf(await subscribe({ url, eventTypes: [type] }), PARTITIONS) === partition) bodies.push(pacedBody(type, applicationId))
  }
  return bodies
}

interface Burst {
  readonly posthorn: RunningPosthorn
  readonly sink: Sink
  readonly target: Target
  readonly applicationId: string
}

/** Publishes all, waits until all has arrived, and answers how long both took and the most that waited meanwhile. */
async function publishBurst({ posthorn, sink, target, applicationId }: Burst): Promise<Record<string, number>> {
  const event = JSON.stringify({ applicationId, type: "burst", data: { text } })
  const body = `{"events":[${Array.from({ length: BATCH }, () => event).join(",")}]}`
  const lags = watchLags(posthorn)
  try {
    const path = `${target.path}:batch`
    const sent = await load({ ...target, path, bodies: [body], connections: BATCH_CONNECTIONS, requests: EVENTS / BATCH, forMs: 60_000 })
    if (sent.wrong > 0 || sent.answers !== EVENTS / BATCH) throw new Error(`${sent.wrong} of ${sent.answers} batches were not taken`)
    const { count, lastMs } = await sink.waitFor(EVENTS, BURST_MS_MAX)
    if (count > EVENTS) throw new Error(`${count} requests came of ${EVENTS} events, with no fault to excuse it`)
    const most = await lags.stop()
    if (Object.values(most).every((records) => records === 0)) throw new Error("no lag was seen in a burst")
    return { burstPublishSeconds: sent.seconds, burstSeconds: (lastMs - sent.startedAtMs) / 1000, ...most }
  } finally {
    await lags.stop()
  }
}
