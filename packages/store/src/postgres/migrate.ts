import { readdir, readFile } from "node:fs/promises"
import type { ClientBase } from "pg"

const FOLDER = new URL("./migrations/", import.meta.url)
/** Of the advisory lock; any number that nobody else uses. */
const LOCK = 0x706f_7374
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/

/** Brings the schema up to date: runs each numbered file that has not run, in order, once, whoever else starts at the same time. */
export async function migrate(client: ClientBase): Promise<void> {
  const files = (await readdir(FOLDER)).filter((name) => FILE_NAME.test(name)).toSorted()
  await client.query("select pg_advisory_lock($1)", [LOCK])
  try {
    const done = await migrationsDone(client)
    for (const name of files) {
      const number = Number(FILE_NAME.exec(name)?.[1])
      if (!done.has(number)) await run(client, { name, number, sql: await readFile(new URL(name, FOLDER), "utf8") })
    }
  } finally {
    await client.query("select pg_advisory_unlock($1)", [LOCK])
  }
}

async function migrationsDone(client: ClientBase): Promise<ReadonlySet<number>> {
  await client.query(`
    create schema if not exists posthorn;
    create table if not exists posthorn.migrations (number integer primary key, name text not null, applied_at timestamptz not null default now())`)
  const { rows } = await client.query<{ number: number }>("select number from posthorn.migrations")
  return new Set(rows.map(({ number }) => number))
}

async function run(client: ClientBase, { name, number, sql }: { name: string; number: number; sql: string }): Promise<void> {
  await client.query("begin")
  try {
    await client.query(sql)
    await client.query("insert into posthorn.migrations (number, name) values ($1, $2)", [number, name])
    await client.query("commit")
  } catch (error) {
    await client.query("rollback")
    throw error
  }
}
