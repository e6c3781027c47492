import { setTimeout as wait } from "node:timers/promises"
import { load, startPosthorn } from "../processes.ts"
import { PACE, pacedBody } from "../paced.ts"
import { measureInRounds, quantile } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

/** Endpoints were healthy for this long when they begin to hang, so that Posthorn trusts them with all that it trusts anyone. */
const WARM_UP_MS = 15_000
const FOR_MS = 20_000
/** What has not arrived this long after the last event was sent counts as not kept up with. */
const GRACE_MS = 2000

interface Scene {
  readonly healthy: number
  readonly hanging: number
  /** Of every so many events one goes to a hanging endpoint. */
  readonly hangingOneOf: number
}

const NONE: Scene = { healthy: 20, hanging: 0, hangingOneOf: Infinity }
const TENTH: Scene = { healthy: 18, hanging: 2, hangingOneOf: 10 }
const HALF: Scene = { healthy: 9, hanging: 1, hangingOneOf: 2 }

/** What healthy endpoints notice of others that take requests and never answer. */
export async function isolation(): Promise<void> {
  await measureInRounds({
    name: "isolation",
    about:
      `healthy endpoints, publish until arrived, open loop of ${PACE.perSecond}/s for ${FOR_MS / 1000} s: with 2 of 20 endpoints hanging, ` +
      "and with half of the events going to one hanging of ten, against none of 20 hanging",
    goals: {
      tenthRatio: { first: 2, aim: 1.3 },
      halfRatio: { first: 2, aim: 1.3 },
      tenthKept: { first: 0.9, aim: 0.97 },
      halfKept: { first: 0.9, aim: 0.97 },
    },
    measure: async () => {
      const none = await play(NONE)
      const tenth = await play(TENTH)
      const half = await play(HALF)
      return {
        noneP99Ms: none.p99Ms,
        tenthP99Ms: tenth.p99Ms,
        halfP99Ms: half.p99Ms,
        tenthRatio: tenth.p99Ms / none.p99Ms,
        halfRatio: half.p99Ms / none.p99Ms,
        tenthKept: tenth.kept,
        halfKept: half.kept,
      }
    },
  })
}

/** Every scene has a Posthorn of its own: what hangs in one would still be tried again in the next. */
async function play(scene: Scene): Promise<{ p99Ms: number; kept: number }> {
  const posthorn = await startPosthorn()
  const [sink, other] = [await startSink(), await startSink()]
  try {
    const target = await openTenant(posthorn, [
      ...Array.from({ length: scene.healthy }, (_, index) => ({ url: `${sink.url}/timed`, eventTypes: [`healthy.${index}`] })),
      ...Array.from({ length: scene.hanging }, (_, index) => ({ url: `${other.url}/`, eventTypes: [`hanging.${index}`] })),
    ])
    const plan = { ...target, bodies: typesOf(scene).map(pacedBody), ...PACE }
    await load({ ...plan, forMs: WARM_UP_MS })
    await wait(GRACE_MS)
    await sink.forget()
    await other.hang()
    const sent = await load({ ...plan, forMs: FOR_MS })
    if (sent.wrong + sent.unsent > 0) throw new Error(`${sent.wrong} answers were not 202, ${sent.unsent} events were not sent`)
    await wait(GRACE_MS)
    const { waits } = await sink.arrived()
    const healthy = Math.floor(sent.answers * (1 - 1 / scene.hangingOneOf))
    return { p99Ms: quantile(waits, 0.99), kept: Math.min(1, waits.length / healthy) }
  } finally {
    await posthorn.stop()
    await sink.stop()
    await other.stop()
  }
}

/** The types of events to be sent in turn: every endpoint gets as many as the others of its kind. */
function typesOf({ healthy, hanging, hangingOneOf }: Scene): string[] {
  let [toHealthy, toHanging] = [0, 0]
  return Array.from({ length: Math.round(healthy / (1 - 1 / hangingOneOf)) }, (_, index) =>
    index % hangingOneOf === 0 && hanging > 0 ? `hanging.${toHanging++ % hanging}` : `healthy.${toHealthy++}`,
  )
}
