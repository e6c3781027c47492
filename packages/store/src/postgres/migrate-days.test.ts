import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { expect, test } from "vitest"
import { startEmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import { createPostgresStore } from "./postgres-store.ts"

/** The last version whose days were kept in one table each. */
const BEFORE = 6

test("days that were kept in one table each keep their rows, take further ones in, and go", { timeout: 60_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-migrate-days-"))
  const server = await startEmbeddedPostgres({ dataDir })
  const client = new pg.Client({ connectionString: server.url })
  const store = createPostgresStore({ url: server.url })
  try {
    await client.connect()
    await client.query(
      "create schema posthorn; create table posthorn.migrations (number integer primary key, name text not null, applied_at timestamptz)",
    )
    const folder = new URL("./migrations/", import.meta.url)
    for (const name of (await readdir(folder)).toSorted()) {
      if (Number(name.slice(0, 4)) > BEFORE) continue
      await client.query(await readFile(new URL(name, folder), "utf8"))
      await client.query("insert into posthorn.migrations values ($1, $2, now())", [Number(name.slice(0, 4)), name])
    }
    for (const [day, next, state] of [
      ["20310506", "20310507", "delivered"],
      ["20310507", "20310508", "retrying"],
    ]) {
      await client.query(`
        create table posthorn.events_${day} partition of posthorn.events for values from ('${day}Z') to ('${next}Z');
        create table posthorn.deliveries_${day} partition of posthorn.deliveries for values from ('${day}Z') to ('${next}Z');
        create table posthorn.attempts_${day} partition of posthorn.attempts for values from ('${day}Z') to ('${next}Z');
        insert into posthorn.events (id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at)
          values ('evt_${day}', 'app_1', 'a', 'text/plain', 2, 'hi', '{}', '', '', '${day} 12:00Z');
        insert into posthorn.deliveries (id, application_id, event_id, subscription_id, event_type, state, attempt_count, reason, created_at, sequence)
          values ('dlv_${day}', 'app_1', 'evt_${day}', 'sub_1', 'a', '${state}', 1, '', '${day} 12:00Z', 5);
        insert into posthorn.attempts (id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code,
            error, duration_ms, request_method, request_url, request_headers)
          values ('att_${day}', 'app_1', 'sub_1', 'dlv_${day}', '${day} 12:00Z', 1, 1, 'failed', 'status', 503, '', 1, 'POST', 'https://example.org/', '{}')`)
    }

    const shown = await store.getDelivery("every application", "dlv_20310506")
    expect(shown).toMatchObject({ eventId: "evt_20310506", retentionHours: 0, attempts: [{ id: "att_20310506", statusCode: 503 }] })
    expect(Buffer.from((await store.getPayload("every application", "evt_20310507"))?.data ?? []).toString()).toBe("hi")
    // A day that was there has its tables for what applications want otherwise made beside the old ones.
    await client.query(`
      create table posthorn.events_20310506_24h partition of posthorn.events_20310506 for values in (24);
      insert into posthorn.events (id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at, retention_hours)
        values ('evt_24', 'app_1', 'a', 'text/plain', 2, 'hi', '{}', '', '', '20310506 12:00Z', 24)
        on conflict (created_at, id, retention_hours) do nothing`)
    const retained = await store.retain({ nowMs: Date.UTC(2031, 4, 20), retentionHours: 24 })
    expect(retained).toMatchObject({ dropped: ["20310506"], held: ["20310507"] })
    expect(await store.getDelivery("every application", "dlv_20310506")).toBeUndefined()
    expect(await store.getDelivery("every application", "dlv_20310507")).toBeDefined()
  } finally {
    await store.close()
    await client.end()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
