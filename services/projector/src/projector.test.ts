import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import type { AnalyticsBatch, AnalyticsWriter } from "@posthorn/analytics"
import { attemptIdOf, deliveryIdOf, formatId, isRefusal, PROJECTED_TOPICS, type Topic } from "@posthorn/core"
import type { EventLog, NewRecord } from "@posthorn/log"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import {
  AttemptRecordSchema,
  DeadLetterReason,
  DeliveryState,
  EventAcceptedSchema,
  ListDeadLettersRequestSchema,
  ListDeliveriesRequestSchema,
  Outcome,
} from "@posthorn/proto"
import { createLogger, Metrics, systemClock } from "@posthorn/runtime"
import { StoreUnavailable, type StatusStore } from "@posthorn/store"
import { startEmbeddedPostgres, type EmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import { eventually } from "@posthorn/testkit"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { LOG_FIELDS, projectorEvents, type View } from "./events.ts"
import { startProjector, type Projector, type ProjectorOptions } from "./projector.ts"

const WAIT = { timeoutMs: 30_000 }
const APPLICATION = formatId("application", new Uint8Array(16))
const NOW_MS = Date.UTC(2031, 4, 6, 12)

let server: EmbeddedPostgres
let dataDir: string
let databases = 0
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-projector-"))
  server = await startEmbeddedPostgres({ dataDir })
}, 60_000)
afterAll(async () => {
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
})

let log: MemoryLog
let store: StatusStore
let url: string
const running: Projector[] = []
beforeEach(async () => {
  const name = `projector_${++databases}`
  await query(server.url, `create database ${name}`)
  url = server.url.replace(/postgres$/, name)
  store = createPostgresStore({ url })
  log = createMemoryLog({ partitions: 3 })
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((projector) => projector.stop()))
  await store.close()
  await log.close()
})

async function query(to: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: to })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

/** Analytics that keeps what it was given, by identity. */
function analyticsInMemory() {
  const events = new Set<string>()
  const attempts = new Set<string>()
  const batches: AnalyticsBatch[] = []
  const writer: AnalyticsWriter = {
    async insert(batch) {
      batches.push(batch)
      for (const row of batch.events) events.add(row.event_id)
      for (const row of batch.attempts) attempts.add(`${row.delivery_id}/${row.round}/${row.attempt}`)
    },
  }
  return { events, attempts, batches, writer }
}

async function start(more: Partial<ProjectorOptions> & { log?: EventLog } = {}): Promise<Projector> {
  const events = projectorEvents(createLogger({ service: "projector", level: "silent", fields: LOG_FIELDS }), new Metrics())
  const options: ProjectorOptions = {
    log,
    status: store,
    analytics: analyticsInMemory().writer,
    clock: systemClock,
    retentionHours: 1_000_000,
    events,
    failed: () => undefined,
    ...more,
  }
  const projector = await startProjector(options)
  running.push(projector)
  return projector
}

/** An accepted event and its delivery, which is delivered at the second attempt. */
function recordsOf(number: number): NewRecord[] {
  const idOf = (kind: "event" | "subscription", of: number) =>
    formatId(
      kind,
      Uint8Array.from({ length: 16 }, (_, index) => (index === 14 ? of >> 8 : index === 15 ? of & 255 : 0)),
    )
  const [eventId, subscriptionId] = [idOf("event", number), idOf("subscription", number % 7)]
  const deliveryId = deliveryIdOf(eventId, subscriptionId)
  const at = timestampFromMs(NOW_MS + number)
  const event = create(EventAcceptedSchema, {
    eventId,
    applicationId: APPLICATION,
    type: "order.created",
    payload: Buffer.from(`{"number":${number}}`),
    acceptedAt: at,
  })
  const delivery = { deliveryId, applicationId: APPLICATION, eventId, subscriptionId, eventType: "order.created", createdAt: at }
  const attempt = (attemptNumber: number, statusCode: number) =>
    create(AttemptRecordSchema, {
      record: {
        case: "finished",
        value: {
          delivery,
          round: 1,
          attempt: {
            id: attemptIdOf(deliveryId, attemptNumber),
            number: attemptNumber,
            statusCode,
            outcome: statusCode === 200 ? Outcome.DELIVERED : Outcome.FAILED,
            startedAt: at,
            finishedAt: at,
          },
          state: statusCode === 200 ? DeliveryState.DELIVERED : DeliveryState.RETRYING,
        },
      },
    })
  const created = create(AttemptRecordSchema, { record: { case: "created", value: { delivery, firstDueAt: at } } })
  return [
    { topic: "events", key: `${APPLICATION}/${eventId}`, value: toBinary(EventAcceptedSchema, event) },
    ...[created, attempt(1, 503), attempt(2, 200)].map((record): NewRecord => ({
      topic: "attempts",
      key: subscriptionId,
      value: toBinary(AttemptRecordSchema, record),
    })),
  ]
}

const publish = (from: number, to: number) => log.append(Array.from({ length: to - from }, (_, index) => recordsOf(from + index)).flat())

/** Every delivery is delivered at its second attempt, and the store is at the end of the log. */
async function everythingProjected(count: number): Promise<void> {
  await eventually(async () => {
    const [found] = await query(
      url,
      "select count(*)::int as deliveries, count(*) filter (where state = 'delivered' and attempt_count = 2)::int as delivered from posthorn.deliveries",
    )
    expect(found).toEqual({ deliveries: count, delivered: count })
    const [others] = await query(
      url,
      "select (select count(*)::int from posthorn.events) as events, (select count(*)::int from posthorn.attempts) as attempts",
    )
    expect(others).toEqual({ events: count, attempts: 2 * count })
    await atEnd()
  }, WAIT)
}

async function atEnd(): Promise<void> {
  const positions = await query(url, "select topic, partition, next_offset::int as next from posthorn.projector_offset")
  const ends = await Promise.all(
    PROJECTED_TOPICS.map(async (topic) => (await log.ends(topic)).map(({ partition, high }) => ({ topic, partition, next: high }))),
  )
  expect(new Set(positions.map((row) => JSON.stringify(row)))).toEqual(new Set(ends.flat().map((row) => JSON.stringify(row))))
}

test("both views hold what the log holds", { timeout: 60_000 }, async () => {
  const analytics = analyticsInMemory()
  await publish(0, 300)
  await start({ analytics: analytics.writer })
  await publish(300, 500)
  await everythingProjected(500)
  await eventually(() => expect([analytics.events.size, analytics.attempts.size]).toEqual([500, 1000]), WAIT)
  // What is taken in is committed.
  for (const group of ["projector-postgres", "projector-clickhouse"]) {
    const committed = async () => (await log.lag(group, ["events", "attempts"])).every((lag) => lag.committed === lag.high)
    await eventually(committed, { ...WAIT, what: `${group} at the end` })
  }
  const answer = await store.listDeliveries({ applicationId: APPLICATION }, create(ListDeliveriesRequestSchema, { pageSize: 1 }))
  expect(!isRefusal(answer) && answer.deliveries[0]).toMatchObject({ state: DeliveryState.DELIVERED, lastStatusCode: 200 })
})

test(
  "projectors share the work, and when one vanishes in the middle nothing is lost and nothing counts twice",
  { timeout: 60_000 },
  async () => {
    const other = log.another()
    await start()
    await start({ log: other })
    await publish(0, 200)
    const restore = other.cutOff()
    await publish(200, 500)
    await everythingProjected(500)
    restore()
    await publish(500, 600)
    await everythingProjected(600)
    await other.close()
  },
)

test("a store that fails before, or right after, it has done a batch ends up with every record once", { timeout: 60_000 }, async () => {
  let calls = 0
  const unreliable: StatusStore = {
    ...store,
    async project(batch) {
      const turn = ++calls % 3
      if (turn === 1) throw new StoreUnavailable("before")
      const outcome = await store.project(batch)
      if (turn === 2) throw new StoreUnavailable("after")
      return outcome
    },
  }
  await start({ status: unreliable })
  for (let from = 0; from < 200; from += 40) await publish(from, from + 40)
  await everythingProjected(200)
  expect(calls).toBeGreaterThan(3)
})

test("when another projector has taken some of a batch, the rest is read again from where the store is", { timeout: 60_000 }, async () => {
  let overtaken = 0
  const raced: StatusStore = {
    ...store,
    async project(batch) {
      // The other one comes first with one partition; the rows are the same whoever writes them.
      if (batch.ranges.length > 1 && overtaken++ < 3) await store.project({ ranges: batch.ranges.slice(0, 1), rows: batch.rows })
      return store.project(batch)
    },
  }
  await publish(0, 200)
  await start({ status: raced })
  await publish(200, 300)
  await everythingProjected(300)
  expect(overtaken).toBeGreaterThan(0)
})

test("analytics being down delays only itself, and it gets the same rows under the same token again", { timeout: 60_000 }, async () => {
  const analytics = analyticsInMemory()
  const refused: AnalyticsBatch[] = []
  let down = true
  const writer: AnalyticsWriter = {
    async insert(batch) {
      if (!down) return analytics.writer.insert(batch)
      refused.push(batch)
      throw new Error("down")
    },
  }
  await start({ analytics: writer })
  await publish(0, 100)
  await everythingProjected(100)
  await eventually(() => refused.length >= 3, WAIT)
  expect(new Set(refused.map(({ token, events, attempts }) => JSON.stringify([token, events, attempts]))).size).toBe(1)
  down = false
  await eventually(() => expect([analytics.events.size, analytics.attempts.size]).toEqual([100, 200]), WAIT)
})

test(
  "a record that nobody can read becomes one dead letter and stops nothing, also when it is read again",
  { timeout: 60_000 },
  async () => {
    const poisoned: Topic[] = ["config", "events", "attempts", "dead-letters"]
    const poison = poisoned.flatMap((topic) =>
      [Buffer.from("not ours"), new Uint8Array()].map((value): NewRecord => ({ topic, key: "k", value })),
    )
    await publish(0, 20)
    await log.append(poison)
    await publish(20, 40)
    const first = await start()
    await everythingProjected(40)
    await first.stop()
    // As if the store had been restored from an older copy.
    await query(url, "update posthorn.projector_offset set next_offset = 0 where topic in ('events', 'attempts')")
    await start()
    await everythingProjected(40)
    const answer = await store.listDeadLetters(
      "every application",
      create(ListDeadLettersRequestSchema, { reason: DeadLetterReason.POISON }),
    )
    expect(!isRefusal(answer) && answer.deadLetters.every(({ applicationId, error }) => applicationId === "" && error !== "")).toBe(true)
    // Each once, and none about what is in dead-letters itself.
    const found = await query(
      url,
      "select split_part(identity, '/', 2) as topic, count(*)::int from posthorn.dead_letters group by 1 order by 1",
    )
    expect(found).toEqual(["attempts", "config", "events"].map((topic) => ({ topic, count: 2 })))
  },
)

test("empty tables are filled again from the beginning of the log, whatever was committed", { timeout: 60_000 }, async () => {
  await publish(0, 50)
  const first = await start()
  await everythingProjected(50)
  await first.stop()
  await query(url, "truncate posthorn.events, posthorn.deliveries, posthorn.attempts, posthorn.projector_offset")
  await start()
  await everythingProjected(50)
})

test("stops at once although a store is away, and the next start takes in what was left", { timeout: 60_000 }, async () => {
  const analytics = analyticsInMemory()
  const refusals = { postgres: 0, clickhouse: 0 }
  const refuse = (view: View) => async (): Promise<never> => {
    refusals[view]++
    throw new StoreUnavailable("away")
  }
  const first = await start({ status: { ...store, project: refuse("postgres") }, analytics: { insert: refuse("clickhouse") } })
  await publish(0, 50)
  await eventually(() => refusals.postgres >= 2 && refusals.clickhouse >= 2, WAIT)
  const before = { ...refusals }
  await first.stop()
  // Of each view at most the try that was under way.
  expect(refusals.postgres - before.postgres).toBeLessThanOrEqual(1)
  expect(refusals.clickhouse - before.clickhouse).toBeLessThanOrEqual(1)
  await start({ analytics: analytics.writer })
  await everythingProjected(50)
  await eventually(() => expect([analytics.events.size, analytics.attempts.size]).toEqual([50, 100]), WAIT)
})
