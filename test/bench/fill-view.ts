/** One rebuild's reading and writing, without what comes before and after: `node fill-view.ts postgres|clickhouse <json>`. Prints the seconds that it took. */
import { createClickHouseRebuild } from "@posthorn/analytics/rebuild"
import { limits, PROJECTED_TOPICS } from "@posthorn/core"
import { systemClock } from "@posthorn/runtime"
import { createPostgresShadow } from "@posthorn/store/shadow"
import { fillAnalytics } from "../../services/projector/src/rebuild/rebuild-clickhouse.ts"
import { fillStatus } from "../../services/projector/src/rebuild/fill-status.ts"
import { progressTo } from "../../services/projector/src/rebuild/progress.ts"
import { openBenchLog } from "./bench-log.ts"

interface Plan {
  readonly postgresUrl: string
  readonly clickhouseUrl: string
  readonly topicPrefix: string
  /** Whether a person wants to see how far it is. */
  readonly verbose?: boolean
}

const [view = "", json = ""] = process.argv.slice(2)
const plan = JSON.parse(json) as Plan
const log = await openBenchLog(plan)
const say = (line: string): void => void (plan.verbose && process.stderr.write(`${line}\n`))
const work = { log, progress: progressTo(say, systemClock), signal: new AbortController().signal, nowMs: Date.now() }
const seconds = view === "postgres" ? await postgres() : await clickhouse()
await log.close()
process.stdout.write(`${JSON.stringify({ seconds })}\n`)

async function postgres(): Promise<number> {
  const shadow = createPostgresShadow({ url: plan.postgresUrl, schema: "posthorn_rebuild", connections: limits.REBUILD_LANES })
  await shadow.open(true)
  const startedAt = performance.now()
  const ends = await Promise.all(
    PROJECTED_TOPICS.map(async (topic) => (await log.ends(topic)).map(({ partition, high }) => ({ topic, partition, next: high }))),
  )
  await fillStatus({ ...work, status: shadow }, ends.flat())
  await shadow.finish()
  const tookMs = performance.now() - startedAt
  await shadow.drop()
  await shadow.close()
  return tookMs / 1000
}

async function clickhouse(): Promise<number> {
  const analytics = createClickHouseRebuild({ url: plan.clickhouseUrl, retentionDays: 90 })
  await analytics.open(true)
  const startedAt = performance.now()
  await fillAnalytics({ ...work, analytics })
  const tookMs = performance.now() - startedAt
  await analytics.drop()
  await analytics.close()
  return tookMs / 1000
}
