import { existsSync } from "node:fs"
import pg from "pg"
import { eventually, openZoo, zooEndpoint, type OpenEndpoint, type ZooGrounds } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, it } from "vitest"
import { apiOf, type Api } from "../e2e/api.ts"
import { startStandalone, type Installation } from "../e2e/installation.ts"

/** Endpoints that are sent everything, and take it. */
const HEALTHY = ["ok", "slow", "closes-unannounced"]
/** Endpoints that are sent a few events. */
const TROUBLE = [
  "server-error",
  "endless-body",
  "never-answers",
  "drips-its-body",
  "resets-unanswered",
  "closes-in-body",
  "stalls-in-handshake",
  "resets-in-handshake",
  "plain-on-tls-port",
]
const EVENTS = 200
/** Two attempts of each fail: fewer in a row than open a breaker. */
const TROUBLED_EVENTS = 4
const TEXT = "a".repeat(32_768)

/** What a process holds, by its own metrics. */
const METRICS = {
  files: "process_open_fds",
  handles: "nodejs_active_handles_total",
  resources: "nodejs_active_resources_total",
  heapBytes: "nodejs_heap_size_used_bytes",
  externalBytes: "nodejs_external_memory_bytes",
} as const
type Held = Readonly<Record<keyof typeof METRICS, number>>
const HELD = Object.keys(METRICS) as (keyof Held)[]

/** By how much that may differ: connections of the stores that come and go, what is remembered of finished attempts, the log's newest records. */
const MAY_DIFFER: Held = { files: 5, handles: 5, resources: 5, heapBytes: 3 * 1024 * 1024, externalBytes: 16 * 1024 * 1024 }
const ROUNDS = 2

/** Makes Node collect its garbage every second, so that what is held is what is in use. */
const COLLECTING = ["--expose-gc", "--import", "data:text/javascript,setInterval(gc,1000).unref()"]
/** Readings in a row with the same number of open files, together longer than an idle connection is kept. */
const CALM_READINGS = 20

let posthorn: Installation
let api: Api
let grounds: ZooGrounds
let applicationId: string
const missing = existsSync("/proc/self/fd") ? undefined : "without /proc nobody knows which files a process has open"

beforeAll(async () => {
  if (missing !== undefined && process.env["CI"] === "true") throw new Error(missing)
  if (missing !== undefined) return
  grounds = await openZoo()
  posthorn = await startStandalone(COLLECTING)
  api = apiOf(posthorn, posthorn.adminKey)
  applicationId = (await api.must<{ id: string }>("POST", "/v1/applications", { name: "drained" })).id
})
afterAll(async () => {
  await posthorn?.stop()
  await grounds?.[Symbol.asyncDispose]()
})

it("I12: holds no more memory, sockets and timers after a drain than before", { timeout: 600_000 }, async ({ skip }) => {
  if (missing !== undefined) skip(missing)
  await round()
  const before = await calm()
  for (let nth = 1; nth <= ROUNDS; nth++) await round()
  const after = await calm()
  const more = HELD.filter((what) => after[what] > before[what] + MAY_DIFFER[what])
  expect(more, `${JSON.stringify(before)} became ${JSON.stringify(after)}`).toEqual([])
})

/** Events to every endpoint, until each delivery has come to its end; then the subscriptions and their endpoints go. */
async function round(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const subscribe = async (name: string, eventType: string): Promise<string> => {
    const endpoint: OpenEndpoint = stack.use(await zooEndpoint(name).open(grounds))
    const subscription = {
      url: endpoint.url,
      eventTypes: [eventType],
      timeoutMs: 1000,
      retryPolicy: { delaysSeconds: [1] },
      secret: "generate",
    }
    return (await api.must<{ id: string }>("POST", `/v1/applications/${applicationId}/subscriptions`, subscription)).id
  }
  const ids = [
    ...(await Promise.all(HEALTHY.map((name) => subscribe(name, "drain.*")))),
    ...(await Promise.all(TROUBLE.map((name) => subscribe(name, "drain.trouble")))),
  ]
  for (let nth = 0; nth < EVENTS; nth++) {
    const type = nth < TROUBLED_EVENTS ? "drain.trouble" : "drain.plain"
    await api.must("POST", "/v1/events", { applicationId, type, data: { nth, text: TEXT } })
  }
  const expected = HEALTHY.length * EVENTS + TROUBLE.length * TROUBLED_EVENTS
  await eventually(async () => expect(await settled(ids)).toBe(expected), { timeoutMs: 120_000, intervalMs: 500, what: "the drain" })
  for (const id of ids) await api.must("DELETE", `/v1/subscriptions/${id}`)
}

async function settled(subscriptionIds: readonly string[]): Promise<number> {
  const client = new pg.Client({ connectionString: posthorn.postgresUrl })
  await client.connect()
  const { rows } = await client.query<{ count: string }>(
    "SELECT count(*) FROM posthorn.deliveries WHERE state IN ('delivered', 'dead') AND subscription_id = ANY($1)",
    [subscriptionIds],
  )
  await client.end()
  return Number(rows[0]?.count)
}

/** The least that the process holds once it has nothing to do and idle connections are closed. */
async function calm(): Promise<Held> {
  const readings: Held[] = []
  return eventually(
    async () => {
      readings.push(await held())
      const last = readings.slice(-CALM_READINGS)
      if (last.length < CALM_READINGS || new Set(last.map(({ files }) => files)).size > 1) return false
      return byName((what) => Math.min(...last.map((reading) => reading[what])))
    },
    { timeoutMs: 120_000, intervalMs: 500, what: "a calm process" },
  )
}

async function held(): Promise<Held> {
  const text = await (await fetch(`${posthorn.httpUrl}/metrics`)).text()
  return byName((what) => {
    const value = new RegExp(`^${METRICS[what]} ([\\d.e+]+)$`, "m").exec(text)?.[1]
    if (value === undefined) throw new Error(`/metrics has no ${METRICS[what]}`)
    return Number(value)
  })
}

const byName = (valueOf: (what: keyof Held) => number): Held =>
  Object.fromEntries(HELD.map((what) => [what, valueOf(what)])) as Record<keyof Held, number>
