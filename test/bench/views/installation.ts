import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { startPosthorn, type RunningPosthorn } from "../posthorn.ts"
import { startSink } from "../start-sink.ts"
import { openApplication } from "../tenant.ts"
import { loadClickHouse } from "./load-clickhouse.ts"
import { loadPostgres } from "./load-postgres.ts"
import type { Population, Volume } from "./population.ts"

const APPLICATIONS = 20
const SUBSCRIPTIONS = 2000
/** Of one request. */
const BATCH = 100

export interface Loaded {
  readonly posthorn: RunningPosthorn
  readonly population: Population
  /** The application that has a subscription for `bench.live`. */
  readonly writer: string
  stop(): Promise<void>
}

/** A standalone on stores of its own that hold so much. */
export async function startInstallation(volume: Volume): Promise<Loaded> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-views-"))
  const stops: (() => Promise<unknown>)[] = [() => rm(dataDir, { recursive: true, force: true })]
  const stop = async (): Promise<void> => {
    for (const each of stops.toReversed()) await each()
  }
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") })
    stops.push(() => postgres.stop())
    const clickhouse = await startEmbeddedClickHouse({ dataDir: join(dataDir, "clickhouse") })
    stops.push(() => clickhouse.stop())
    const posthorn = await startPosthorn({ POSTHORN_POSTGRES_URL: postgres.url, POSTHORN_CLICKHOUSE_URL: clickhouse.url })
    stops.push(() => posthorn.stop())
    const sink = await startSink()
    stops.push(() => sink.stop())
    const population = await populate(posthorn)
    const writer = await openApplication(posthorn)
    await writer.subscribe({ url: `${sink.url}/`, eventTypes: ["bench.live"] })
    await timed("deliveries", () => loadPostgres(postgres.url, population, volume))
    await timed("attempts", () => loadClickHouse(clickhouse.url, population, volume))
    return { posthorn, population, writer: writer.applicationId, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Applications and subscriptions as the API makes them; the first application has half of the subscriptions. */
async function populate(posthorn: RunningPosthorn): Promise<Population> {
  const applications: string[] = []
  const subscriptions: string[] = []
  const owners: string[] = []
  for (let index = 0; index < APPLICATIONS; index++) {
    const { applicationId } = await openApplication(posthorn)
    applications.push(applicationId)
    const count = index === 0 ? SUBSCRIPTIONS / 2 : Math.ceil(SUBSCRIPTIONS / 2 / (APPLICATIONS - 1))
    for (let made = 0; made < count; made += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, count - made) }, () => ({ url: "http://127.0.0.1:9/", eventTypes: ["order.*"] }))
      const { results } = await posthorn.call<{ results: readonly { created?: { id: string }; refused?: unknown }[] }>(
        "POST",
        `/v1/applications/${applicationId}/subscriptions:batch`,
        { subscriptions: batch },
      )
      for (const { created, refused } of results) {
        if (created === undefined) throw new Error(`a subscription was refused: ${JSON.stringify(refused)}`)
        subscriptions.push(created.id)
        owners.push(applicationId)
      }
    }
  }
  return { applications, subscriptions, owners, ofFirst: SUBSCRIPTIONS / 2 }
}

async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const begin = performance.now()
  await work()
  console.log(`${what} loaded in ${((performance.now() - begin) / 1000).toFixed(0)} s`)
}
