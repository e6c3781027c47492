import { setTimeout as wait } from "node:timers/promises"
import { cpuSecondsOf } from "../cpu-time.ts"
import type { Verdict } from "../figures.ts"
import { startPosthorn, type RunningPosthorn } from "../posthorn.ts"
import { publishUntilArrived, PUSH } from "../publish-until-arrived.ts"
import { measureInRounds } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

const POLL_MS = 500
/** A view that takes nothing more for this long has taken all. */
const STILL_MS = 3000
const PROJECTED_MS_MAX = 120_000

/** What one event costs until it has arrived and both views have it. Brokers of a log on Kafka are nobody's children, and not in it. */
export async function cost(): Promise<readonly Verdict[]> {
  const posthorn = await startPosthorn()
  const sink = await startSink()
  try {
    const target = await openTenant(posthorn, [{ url: `${sink.url}/`, eventTypes: ["*"] }])
    const measure = async () => {
      const projected = await projectedBy(posthorn)
      const before = await cpuSecondsOf(posthorn.pid)
      await publishUntilArrived(target, sink)
      await untilProjected(posthorn, projected)
      const after = await cpuSecondsOf(posthorn.pid)
      const perEvent = (seconds: number): number => (seconds * 1000) / PUSH.events
      const [ownMs, storesMs] = [perEvent(after.own - before.own), perEvent(after.children - before.children)]
      return { cpuMs: ownMs + storesMs, ownMs, storesMs }
    }
    return await measureInRounds({
      name: "cost",
      about: `CPU time per event of all of Posthorn, Postgres and ClickHouse, ${PUSH.events} events of ${PUSH.bodyBytes} B, concurrency ${PUSH.connections}, until they are in both views`,
      goals: { cpuMs: { first: 0.5, aim: 0.25 } },
      warmUp: measure,
      measure,
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}

const VIEWS = ["postgres", "clickhouse"] as const

async function projectedBy(posthorn: RunningPosthorn): Promise<readonly number[]> {
  const metrics = await posthorn.metrics()
  return VIEWS.map((view) => metrics.sum("posthorn_projected_records_total", { view }))
}

/** Every event gives each view itself and its attempt at least. */
async function untilProjected(posthorn: RunningPosthorn, before: readonly number[]): Promise<void> {
  let last = await projectedBy(posthorn)
  let changedAt = performance.now()
  for (const untilMs = performance.now() + PROJECTED_MS_MAX; performance.now() < untilMs; await wait(POLL_MS)) {
    const now = await projectedBy(posthorn)
    if (now.some((count, view) => count !== last[view])) changedAt = performance.now()
    last = now
    const all = now.every((count, view) => count - (before[view] ?? 0) >= 2 * PUSH.events)
    if (all && performance.now() - changedAt >= STILL_MS) return
  }
  throw new Error(`the views were not done within ${PROJECTED_MS_MAX} ms: ${last.join(", ")} records, ${before.join(", ")} before`)
}
