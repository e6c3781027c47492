import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { describe, test } from "vitest"
import { storeConformance, type StoreFixture, type StoreUnderTest } from "../conformance/store-conformance.ts"
import { startEmbeddedPostgres, type EmbeddedPostgresOptions } from "../embedded/embedded-postgres.ts"
import { createPostgresStore } from "./postgres-store.ts"

const TABLES = [
  "applications",
  "subscriptions",
  "subscription_health",
  "api_keys",
  "event_types",
  "tasks",
  "audit_log",
  "events",
  "deliveries",
  "attempts",
  "dead_letters",
  "dead_letter_settlements",
]

async function openFixture(more: Partial<EmbeddedPostgresOptions>): Promise<StoreFixture> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-store-"))
  let server = await startEmbeddedPostgres({ dataDir, ...more })
  const port = Number(new URL(server.url).port)
  let databases = 0
  return {
    async openEmpty() {
      const name = `test_${++databases}`
      await query(server.url, `create database ${name}`)
      return underTest(server.url.replace(/postgres$/, name))
    },
    async interrupt() {
      await server.stop()
      return async () => {
        server = await startEmbeddedPostgres({ dataDir, ...more, port })
      }
    },
    async close() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function underTest(url: string): Promise<StoreUnderTest> {
  const store = createPostgresStore({ url })
  await store.ping()
  return {
    store,
    another: () => createPostgresStore({ url }),
    async dump() {
      const dumps = TABLES.map(async (table) => [
        table,
        (await query(url, `select r::text as row from posthorn.${table} r order by 1`)).map(({ row }) => String(row)),
      ])
      return Object.fromEntries(await Promise.all(dumps))
    },
    async forget(what) {
      await query(url, `truncate ${(what === "rows" ? TABLES : ["projector_offset"]).map((table) => `posthorn.${table}`).join(", ")}`)
    },
    close: () => store.close(),
  }
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

storeConformance("embedded Postgres", () => openFixture({}))

const OLDEST = "/usr/lib/postgresql/15/bin"
if (existsSync(OLDEST)) storeConformance("Postgres 15", () => openFixture({ binaries: OLDEST }))
else
  describe("status store: Postgres 15", () =>
    test.skip(`there is no ${OLDEST}: the oldest version that is supported was not tried`, () => undefined))
