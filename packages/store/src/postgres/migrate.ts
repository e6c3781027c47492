import { readdir, readFile } from "node:fs/promises"
import { limits } from "@posthorn/core"
import type { ClientBase, QueryConfig } from "pg"
import { inSchema } from "./in-schema.ts"

const FOLDER = new URL("./migrations/", import.meta.url)
/** Of the advisory lock; any number that nobody else uses. */
const LOCK = 0x706f_7374
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/

/** Brings the schema up to date: runs each numbered file that has not run, in order, once, whoever else starts at the same time. */
export async function migrate(client: ClientBase, schema: string): Promise<void> {
  const files = (await readdir(FOLDER)).filter((name) => FILE_NAME.test(name)).toSorted()
  await client.query("select pg_advisory_lock($1)", [LOCK])
  try {
    const done = await migrationsDone(client, schema)
    for (const name of files) {
      const number = Number(FILE_NAME.exec(name)?.[1])
      if (done.has(number)) continue
      const sql = inSchema(await readFile(new URL(name, FOLDER), "utf8"), schema)
      await run(client, { schema, name, number, sql })
    }
  } finally {
    await client.query("select pg_advisory_unlock($1)", [LOCK])
  }
}

async function migrationsDone(client: ClientBase, schema: string): Promise<ReadonlySet<number>> {
  await client.query(`
    create schema if not exists ${schema};
    create table if not exists ${schema}.migrations (number integer primary key, name text not null, applied_at timestamptz not null default now())`)
  const { rows } = await client.query<{ number: number }>(`select number from ${schema}.migrations`)
  return new Set(rows.map(({ number }) => number))
}

interface Migration {
  readonly schema: string
  readonly name: string
  readonly number: number
  readonly sql: string
}

async function run(client: ClientBase, { schema, name, number, sql }: Migration): Promise<void> {
  await client.query("begin")
  try {
    const statement: QueryConfig & { query_timeout: number } = { text: sql, query_timeout: limits.STORE_MIGRATION_MS_MAX }
    await client.query(statement)
    await client.query(`insert into ${schema}.migrations (number, name) values ($1, $2)`, [number, name])
    await client.query("commit")
  } catch (error) {
    await client.query("rollback")
    throw error
  }
}
