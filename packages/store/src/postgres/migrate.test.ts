import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { expect, test } from "vitest"
import { startEmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import { migrate } from "./migrate.ts"

test("a database of the first version keeps its rows and gets what later versions know of them", { timeout: 60_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-migrate-"))
  const server = await startEmbeddedPostgres({ dataDir })
  const client = new pg.Client({ connectionString: server.url })
  try {
    await client.connect()
    await client.query(
      "create schema posthorn; create table posthorn.migrations (number integer primary key, name text not null, applied_at timestamptz)",
    )
    await client.query(await readFile(new URL("./migrations/0001_status.sql", import.meta.url), "utf8"))
    await client.query(`
      insert into posthorn.migrations values (1, '0001_status.sql', now());
      create table posthorn.deliveries_20310506 partition of posthorn.deliveries for values from ('2031-05-06Z') to ('2031-05-07Z');
      insert into posthorn.deliveries (id, application_id, event_id, subscription_id, event_type, state, attempt_count, reason, created_at, sequence)
        values ('dlv_1', 'app_1', 'evt_1', 'sub_1', 'a', 'dead', 1, '', '2031-05-06 12:00Z', 5);
      insert into posthorn.dead_letters values
        ('dlv_1/3', 0, 0, 'dlv_1', 'app_1', 'evt_1', 'sub_1', 'a', 'exhausted', '', 503, 1, '2031-05-06 12:00Z'),
        ('poison/events/0/7', 0, 1, '', '', '', '', '', 'poison', '', 0, 0, '2031-05-06 12:00Z');
      insert into posthorn.audit_log values (17, 'c', 'key', 'key_1', 'app_1', 'created', 1, 'operator', '', now())`)
    await migrate(client, "posthorn")
    await migrate(client, "posthorn")
    const rowsOf = async (text: string) => (await client.query(text)).rows
    expect(await rowsOf("select round from posthorn.deliveries")).toEqual([{ round: 1 }])
    expect(await rowsOf("select round, state from posthorn.dead_letters order by identity")).toEqual([
      { round: 3, state: "open" },
      { round: 0, state: "open" },
    ])
    expect(await rowsOf("select identity, config_offset from posthorn.audit_log")).toEqual([{ identity: "config/17", config_offset: "17" }])
  } finally {
    await client.end()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
