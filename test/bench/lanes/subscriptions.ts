import { cpuSecondsOf } from "../cpu-time.ts"
import type { Verdict } from "../figures.ts"
import { fillConfig } from "../memory/fill.ts"
import { startGateway } from "../posthorn.ts"
import { publishUntilArrived, PUSH } from "../publish-until-arrived.ts"
import { measureInRounds } from "../rounds.ts"
import { startSink, type Sink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const FEW = 100
const MANY = 1_000_000

/** What an event costs the gateway and delivery when there are many subscriptions that it is not for, against few; both run, and work in turn. */
export async function subscriptions(): Promise<readonly Verdict[]> {
  const sink = await startSink()
  const installations: Installation[] = []
  try {
    for (const count of [FEW, MANY]) installations.push(await startInstallation(sink, count))
    const measure = async () => {
      const [fewMs = Number.NaN, manyMs = Number.NaN] = await inTurn(installations, (each) => each.cpuMsPerEvent())
      return { ratio: manyMs / fewMs, fewMs, manyMs }
    }
    return await measureInRounds({
      name: "subscriptions",
      about: `CPU time per event of a gateway and a delivery process with ${MANY} subscriptions against ${FEW}, ${PUSH.events} events of ${PUSH.bodyBytes} B, concurrency ${PUSH.connections}`,
      goals: { ratio: { first: 1.5, aim: 1.15 } },
      warmUp: measure,
      measure,
    })
  } finally {
    await inTurn(installations, (each) => each.stop())
    await sink.stop()
  }
}

interface Installation {
  cpuMsPerEvent(): Promise<number>
  stop(): Promise<void>
}

async function startInstallation(sink: Sink, count: number): Promise<Installation> {
  const gateway = await startGateway()
  const stops = [gateway.stop]
  const stop = async (): Promise<void> => {
    for (const each of stops.toReversed()) await each()
  }
  try {
    const log = await gateway.openLog()
    stops.push(() => log.close())
    await fillConfig(log, count, 0)
    // Ready when it has read all there is; a gateway that reads as it is written is not behind it.
    const delivery = await gateway.startDelivery()
    stops.push(delivery.stop)
    const target = await openTenant(gateway, [{ url: `${sink.url}/`, eventTypes: ["*"] }])
    const usedSeconds = async (): Promise<number> => (await cpuSecondsOf(gateway.pid)).own + (await cpuSecondsOf(delivery.pid)).own
    return {
      async cpuMsPerEvent() {
        const before = await usedSeconds()
        await publishUntilArrived(target, sink)
        return (((await usedSeconds()) - before) * 1000) / PUSH.events
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function inTurn<Each, Result>(list: readonly Each[], work: (each: Each) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (const each of list) results.push(await work(each))
  return results
}
