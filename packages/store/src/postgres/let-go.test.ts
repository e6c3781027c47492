import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { limits } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import pg from "pg"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import { Database } from "./database.ts"
import { Days, type DayClass } from "./days.ts"
import { letGo, letGoOfDay } from "./let-go.ts"

const OLD: DayClass = { day: "20310506", retentionHours: 0 }
const TODAY: DayClass = { day: "20310510", retentionHours: 0 }

let dataDir: string
let server: EmbeddedPostgres
let database: Database
let other: pg.Client

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-let-go-"))
  server = await startEmbeddedPostgres({ dataDir })
  database = new Database({ url: server.url, connections: 4 })
}, 60_000)

afterAll(async () => {
  await database.close()
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
}, 60_000)

beforeEach(async () => {
  for (const table of ["events", "deliveries", "attempts"]) await sql(`truncate posthorn.${table}`)
  const days = new Days(database)
  await days.make([OLD, TODAY])
  other = new pg.Client({ connectionString: server.url })
  await other.connect()
  return () => other.end()
})

const sql = async (text: string): Promise<readonly Record<string, unknown>[]> => database.run({ text, values: [] })

/** An event, a delivery and an attempt each, of which the first so many deliveries wait for another. */
async function fill(day: string, rows: number, waiting: number): Promise<void> {
  const at = `timestamptz '${day} 00:00Z' + n * interval '1 ms'`
  await sql(`
    insert into posthorn.events (id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at)
    select 'evt_' || n, 'app_1', 'a', 'text/plain', 1, 'a', '{}', '', '', ${at} from generate_series(1, ${rows}) n`)
  await sql(`
    insert into posthorn.deliveries (id, application_id, event_id, subscription_id, event_type, state, attempt_count, reason, created_at, sequence)
    select 'dlv_' || n, 'app_1', 'evt_' || n, 'sub_1', 'a', case when n <= ${waiting} then 'retrying' else 'delivered' end, 1, '', ${at}, 5
    from generate_series(1, ${rows}) n`)
  await sql(`
    insert into posthorn.attempts (id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code,
      error, duration_ms, request_method, request_url, request_headers)
    select 'att_' || n, 'app_1', 'sub_1', 'dlv_' || n, ${at}, 1, 1, 'failed', 'status', 503, '', 1, 'POST', 'https://example.org/', '{}'
    from generate_series(1, ${rows}) n`)
}

const counts = async (): Promise<readonly unknown[]> => {
  const [row] = await sql(
    `select (select count(*) from posthorn.events) as e, (select count(*) from posthorn.deliveries) as d, (select count(*) from posthorn.attempts) as a`,
  )
  return Object.values(row ?? {})
}

const writeToday = (id: string): string => `
  insert into posthorn.events (id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at)
  values ('${id}', 'app_1', 'a', 'text/plain', 1, 'a', '{}', '', '', '2031-05-10 12:00Z')`

test("a day goes while others write to another one and have not committed", { timeout: 120_000 }, async () => {
  await fill(OLD.day, 200_000, 3)
  await other.query("begin")
  await other.query(writeToday("evt_before"))
  expect(await letGo(database, OLD)).toBe("held")
  expect(await counts()).toEqual([3, 3, 3])
  await sql("update posthorn.deliveries set state = 'delivered'")
  expect(await letGo(database, OLD)).toBe("dropped")
  // Its table of tables hangs on what the other one holds, and stays for now.
  await letGoOfDay(database, OLD.day)
  expect(await new Days(database).listEmpty()).toEqual([OLD.day])
  await other.query(writeToday("evt_after"))
  await other.query("commit")
  await letGoOfDay(database, OLD.day)
  expect(await new Days(database).listEmpty()).toEqual([])
  expect(await counts()).toEqual([2, 0, 0])
})

test("a day that somebody uses stays until the next round, as it was", { timeout: 120_000 }, async () => {
  await fill(OLD.day, 1000, 3)
  await other.query("begin")
  await other.query("select from posthorn.attempts")
  expect(await letGo(database, OLD)).toBe("locked")
  await other.query("rollback")
  expect(await counts()).toEqual([1000, 1000, 1000])
  expect(await letGo(database, OLD)).toBe("held")
  expect(await counts()).toEqual([3, 3, 3])
})

test("what changes while it is copied is copied again, and what ends meanwhile is not held", { timeout: 120_000 }, async () => {
  await fill(OLD.day, 1000, 3)
  await other.query("begin")
  await other.query(`update posthorn.deliveries set state = 'delivered', sequence = 6 where id = 'dlv_1'`)
  await other.query(`update posthorn.deliveries set state = 'scheduled', sequence = 7 where id in ('dlv_2', 'dlv_900')`)
  // The copy does not see that, and its tables cannot be had until it is there.
  const going = letGo(database, OLD)
  const waits = async () => (await sql("select from pg_locks where locktype = 'relation' and not granted")).length > 0
  await Promise.race([going, eventually(waits, { timeoutMs: 60_000, what: "a wait for the lock" })])
  await other.query("commit")
  if ((await going) === "locked") expect(await letGo(database, OLD)).toBe("held")
  expect(await sql("select id, state, sequence from posthorn.deliveries order by id")).toEqual([
    { id: "dlv_2", state: "scheduled", sequence: 7 },
    { id: "dlv_3", state: "retrying", sequence: 5 },
    { id: "dlv_900", state: "scheduled", sequence: 7 },
  ])
  expect(await sql("select delivery_id from posthorn.attempts order by 1")).toHaveLength(3)
  expect(await sql("select id from posthorn.events order by 1")).toEqual([{ id: "evt_2" }, { id: "evt_3" }, { id: "evt_900" }])
})

test("a day with very many deliveries on their way stays whole until there are fewer", { timeout: 120_000 }, async () => {
  await fill(OLD.day, limits.RETENTION_HELD_MAX + 20_002, limits.RETENTION_HELD_MAX + 1)
  expect(await letGo(database, OLD)).toBe("kept")
  await sql(`update posthorn.deliveries set state = 'dead' where id = 'dlv_1'`)
  expect(await letGo(database, OLD)).toBe("held")
  expect(await counts()).toEqual([limits.RETENTION_HELD_MAX, limits.RETENTION_HELD_MAX, limits.RETENTION_HELD_MAX])
})

test(
  "of several processes at once each comes to an end, and nothing is left of what they made on the way",
  { timeout: 120_000 },
  async () => {
    await fill(OLD.day, 1000, 3)
    const fates = await Promise.all([1, 2, 3, 4].map(() => letGo(database, OLD)))
    expect(fates).toContain("held")
    expect(await letGo(database, OLD)).toBe("held")
    expect(await counts()).toEqual([3, 3, 3])
    await sql("update posthorn.deliveries set state = 'delivered'")
    expect(await letGo(database, OLD)).toBe("dropped")
    expect(await sql("select relname from pg_class where relname like '%_held' and relkind = 'r'")).toEqual([])
  },
)

test("what has been on its way for longer than the log knows of anything goes as well", { timeout: 120_000 }, async () => {
  await fill(OLD.day, 10, 3)
  expect(await letGo(database, OLD, { evenOnTheirWay: true })).toBe("dropped")
  expect(await counts()).toEqual([0, 0, 0])
})
