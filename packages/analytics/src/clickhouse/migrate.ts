import { readdir, readFile } from "node:fs/promises"
import type { ClickHouseClient } from "@clickhouse/client"

export interface SchemaOptions {
  readonly database: string
  /** Days after which rows may go. */
  readonly retentionDays: number
}

const MIGRATIONS = new URL("./migrations/", import.meta.url)
/** The tables whose rows grow old, and the column by which they do. */
const AGED_TABLES = {
  events: "accepted_at",
  events_by_time: "accepted_at",
  delivery_attempts: "finished_at",
  attempts_by_time: "finished_at",
} as const

/**
 * Brings the database up to this version: tables, views, and the retention that is set now. May be repeated, and run by several processes
 * at once: a statement does nothing where its work is done already. Only reads when all is in place, so that a reader needs no more rights.
 */
export async function migrate(client: ClickHouseClient, options: SchemaOptions): Promise<void> {
  const applied = await readApplied(client)
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith(".sql")).toSorted()
  for (const name of names) {
    if (applied.has(name)) continue
    await client.command({ query: await readFile(new URL(name, MIGRATIONS), "utf8") })
    // Recorded afterwards: a crash in between repeats the statement, which then does nothing.
    await client.insert({ table: "migrations", values: [{ name }], columns: ["name"], format: "JSONEachRow" })
  }
  await setRetention(client, options)
}

/** Makes the database where it is missing. The client must not name it: a server refuses every statement of one that names what is not there. */
export async function createDatabase(client: ClickHouseClient, database: string): Promise<void> {
  const found = await client.query({
    query: "SELECT name FROM system.databases WHERE name = {database:String}",
    query_params: { database },
    format: "JSONEachRow",
  })
  if ((await found.json()).length > 0) return
  await client.command({ query: "CREATE DATABASE IF NOT EXISTS {database:Identifier}", query_params: { database } })
}

async function readApplied(client: ClickHouseClient): Promise<Set<string>> {
  const exists = await client.query({ query: "EXISTS TABLE migrations", format: "JSONEachRow" })
  const [answer] = await exists.json<{ result: number }>()
  // A proxy or a stranger on that port may say 200 to everything: rows given to it would be lost.
  if (answer === undefined) throw new Error("what answers at this address is not ClickHouse")
  if (answer.result !== 1) {
    await client.command({
      query:
        "CREATE TABLE IF NOT EXISTS migrations (name String, applied_at DateTime DEFAULT now()) ENGINE = ReplacingMergeTree ORDER BY name",
    })
  }
  const result = await client.query({ query: "SELECT name FROM migrations", format: "JSONEachRow" })
  return new Set((await result.json<{ name: string }>()).map((row) => row.name))
}

async function setRetention(client: ClickHouseClient, { database, retentionDays }: SchemaOptions): Promise<void> {
  const result = await client.query({
    query: "SELECT name, engine_full FROM system.tables WHERE database = {database:String}",
    query_params: { database },
    format: "JSONEachRow",
  })
  const engines = new Map((await result.json<{ name: string; engine_full: string }>()).map((row) => [row.name, row.engine_full]))
  for (const [table, column] of Object.entries(AGED_TABLES)) {
    const ttl = `toDate(${column}) + toIntervalDay(${retentionDays})`
    if (!engines.get(table)?.includes(ttl)) await client.command({ query: `ALTER TABLE ${table} MODIFY TTL ${ttl}` })
  }
}
