import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { foldStatus, idsNamedBy, PROJECTED_TOPICS, type ProjectedRecord } from "@posthorn/core"
import { ListDeliveriesRequestSchema } from "@posthorn/proto"
import fc from "fast-check"
import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { batchOf, projectRecords } from "../../conformance/project-records.ts"
import { applicationChange, idOf, keyChange, messagesOf, NOON_MS, recordsOf, type SampleEvent } from "../../conformance/sample-history.ts"
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../embedded/embedded-postgres.ts"
import type { CatchUp, Coverage, StatusShadow } from "../../status-shadow.ts"
import type { StatusStore } from "../../status-store.ts"
import { createPostgresStore } from "../postgres-store.ts"
import { createPostgresShadow } from "./postgres-shadow.ts"
import { LOG_TABLES, MOVED_TABLES, OWN_TABLES } from "./view-tables.ts"

let dataDir: string
let server: EmbeddedPostgres
let databases = 0
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-shadow-"))
  server = await startEmbeddedPostgres({ dataDir })
}, 60_000)
afterAll(async () => {
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
})

let client: pg.Client
let store: StatusStore
let shadow: StatusShadow
beforeEach(async () => {
  const name = `shadow_${++databases}`
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const url = server.url.replace(/postgres$/, name)
  client = new pg.Client({ connectionString: url })
  await client.connect()
  // One connection, so that what it has prepared before a swap is what it uses after it.
  store = createPostgresStore({ url, connections: 1 })
  await store.ping()
  shadow = createPostgresShadow({ url, schema: "posthorn_rebuild", connections: 2 })
})
afterEach(async () => {
  await Promise.all([store.close(), shadow.close(), client.end()])
})

const KEPT = { nowMs: NOON_MS, retentionHours: 1000, differencesMax: 10 }
const NOTHING_LEFT: CatchUp = async () => undefined
const sql = async <Row extends pg.QueryResultRow>(text: string): Promise<Row[]> => (await client.query<Row>(text)).rows
const sampleOf = (number: number, more: Partial<SampleEvent> = {}): SampleEvent => ({
  number,
  application: 1,
  subscription: number % 4,
  statuses: [503, 200],
  end: "none",
  ...more,
})

/** Brings a shadow to where the live view is, from what a log holds. */
async function fill(records: readonly ProjectedRecord[]): Promise<void> {
  for (const { topic, partition, next } of await shadow.livePositions()) {
    const held = records.filter((record) => record.topic === topic && record.partition === partition && record.offset < next)
    const [first = 0] = await shadow.positions([{ topic, partition, low: 0 }])
    if (first === next) continue
    const known = await shadow.knownEntities(idsNamedBy(held.flatMap((record) => (record.topic === "config" ? [record.message] : []))))
    expect(await shadow.project({ ranges: [{ topic, partition, first, next }], rows: foldStatus(held, known) })).toBe("done")
  }
}

const differencesTo = async (): Promise<readonly unknown[]> =>
  (await shadow.compare(NOTHING_LEFT, { ...KEPT, coverage: {} })).flatMap(({ table, differences }) =>
    differences.map((each) => ({ table, ...each })),
  )

test("of every table it is said whether the log makes it, or it is moved, or each view has its own", async () => {
  const rows = await sql<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p') and not relispartition",
  )
  const said = [...LOG_TABLES.map(({ name }) => name), ...MOVED_TABLES, ...OWN_TABLES]
  expect(rows.map(({ name }) => name).toSorted()).toEqual(said.toSorted())
})

test("whoever reads, projects and claims goes on over a swap, and what is not in the log is kept", async () => {
  const records = recordsOf([
    applicationChange(1, 0),
    keyChange({ key: 1, application: 1 }, 0),
    ...[1, 2, 3].flatMap((number) => messagesOf(sampleOf(number))),
  ])
  const later = recordsOf([
    applicationChange(1, 0),
    keyChange({ key: 1, application: 1 }, 0),
    ...[1, 2, 3, 4].flatMap((number) => messagesOf(sampleOf(number))),
  ]).slice(records.length)
  expect(await projectRecords(store, records)).toBe("done")
  const keyId = idOf("key", 1)
  await store.noteUses([{ keyId, usedAt: timestampFromMs(NOON_MS) }])
  const claim = { applicationId: "app_1", key: "k", eventId: "evt_1", bodyHash: Uint8Array.of(1), claimedAtMs: NOON_MS, retentionHours: 0 }
  await store.claim(claim)
  await sql("create role reader; grant usage on schema posthorn to reader; grant select on posthorn.events to reader")
  const list = () => store.listDeliveries("every application", create(ListDeliveriesRequestSchema, {}))
  const before = await list()
  const indexesOf = () => sql("select tablename, indexname from pg_indexes where schemaname = 'posthorn' order by 1, 2")
  const indexes = await indexesOf()
  const repeated = await batchOf(store, later)

  await shadow.open(false)
  await fill(records)
  await shadow.finish()
  expect(await shadow.swap(() => fill(records))).toEqual({ notes: [] })
  await shadow.dropOld()

  expect(await list()).toEqual(before)
  expect((await store.lastUses([keyId])).size).toBe(1)
  expect(await store.claim(claim)).not.toBe("new")
  expect(await store.project(repeated)).toBe("done")
  expect(await store.project(repeated)).toBe("stale")
  expect(await indexesOf()).toEqual(expect.arrayContaining(indexes))
  expect(await sql("select has_table_privilege('reader', 'posthorn.events', 'select') as may")).toEqual([{ may: true }])
  expect(await sql("select nspname from pg_namespace where nspname like 'posthorn\\_%'")).toEqual([])
  await sql("drop owned by reader; drop role reader")
})

test("whoever wants to project during a swap waits for its end, and then writes the new view", async () => {
  const records = recordsOf(messagesOf(sampleOf(1)))
  await projectRecords(store, records)
  const again = await batchOf(store, recordsOf([...messagesOf(sampleOf(1)), ...messagesOf(sampleOf(2))]).slice(records.length))
  await shadow.open(false)
  let waiting: Promise<unknown> | undefined
  await shadow.swap(async () => {
    await fill(records)
    waiting = store.project(again)
  })
  expect(await waiting).toBe("done")
  expect(await sql("select count(*)::integer as events from posthorn.events")).toEqual([{ events: 2 }])
  expect(await sql("select count(*)::integer as events from posthorn_old.events")).toEqual([{ events: 1 }])
})

test("a view with something of somebody else's leaves it in the old schema, and says so", async () => {
  await projectRecords(store, recordsOf(messagesOf(sampleOf(1))))
  await sql("create view posthorn.my_events as select id from posthorn.events")
  await shadow.open(false)
  const { notes } = await shadow.swap(() => fill(recordsOf(messagesOf(sampleOf(1)))))
  expect(notes).toEqual([expect.stringContaining("my_events")])
  await expect(shadow.dropOld()).rejects.toThrow("depend")
  await expect(shadow.open(false)).rejects.toThrow("posthorn_old")
  expect(await sql("select count(*)::integer as events from posthorn.events")).toEqual([{ events: 1 }])
})

const history = fc.record({
  events: fc.uniqueArray(
    fc.record({
      number: fc.integer({ min: 1, max: 500 }),
      application: fc.constantFrom(1 as const, 2 as const),
      subscription: fc.integer({ min: 1, max: 4 }),
      statuses: fc.array(fc.constantFrom(200, 410, 503), { maxLength: 3 }),
      end: fc.constantFrom("none" as const, "dead" as const, "cancelled" as const),
      fate: fc.shuffledSubarray(["retried" as const, "redriven" as const, "discarded" as const]),
      retentionHours: fc.constantFrom(0, 24),
    }),
    { minLength: 1, maxLength: 8, selector: ({ number }) => number },
  ),
  /** How much of a partition is gone, by its place among all. */
  gone: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
})

test("whatever the log has let go, the new view has what the live one had", { timeout: 120_000 }, async () => {
  const everything: Coverage = Object.fromEntries(
    PROJECTED_TOPICS.filter((topic) => topic !== "config").map((topic) => [topic, NOON_MS * 2]),
  )
  await fc.assert(
    fc.asyncProperty(history, async ({ events, gone }) => {
      await sql("drop schema if exists posthorn cascade")
      await store.close()
      store = createPostgresStore({ url: urlOf(client), connections: 1 })
      const records = recordsOf([applicationChange(1, 0), ...events.flatMap(messagesOf)])
      await projectRecords(store, records)
      const kept = [...Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`).values()].flatMap((partition) =>
        partition[0]?.topic === "config" ? partition : partition.slice(Math.floor(partition.length * (gone.next().value ?? 0))),
      )
      await shadow.open(true)
      await fill(kept)
      await shadow.carryOver(everything)
      expect(await differencesTo()).toEqual([])
    }),
    { numRuns: 15 },
  )
})

const urlOf = ({ host, port, user, password, database }: pg.Client): string => `postgres://${user}:${password}@${host}:${port}/${database}`
