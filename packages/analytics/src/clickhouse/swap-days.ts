import type { ClickHouseClient } from "@clickhouse/client"
import type { DayDone } from "../analytics-rebuild.ts"

interface Swap {
  readonly client: ClickHouseClient
  readonly liveName: string
  readonly secondName: string
  /** Unix milliseconds. */
  readonly coveredSinceMs: number
}

/** Gives the live tables the days of the second database's, one day of one table at a time: between two of them statistics may be of both. */
export async function swapDays(swap: Swap): Promise<readonly DayDone[]> {
  const { liveName, secondName } = swap
  const done: DayDone[] = []
  for (const table of await tablesByDay(swap)) {
    const made = new Set(await daysOf(swap, secondName, table))
    const days = [...new Set([...made, ...(await daysOf(swap, liveName, table))])].toSorted()
    for (const day of days) {
      const what = startOf(day) >= swap.coveredSinceMs ? (made.has(day) ? "replaced" : "removed") : made.has(day) ? "added to" : undefined
      if (what === undefined) continue
      await swap.client.command({
        query: statementFor(what, { live: `\`${liveName}\`.${table}`, made: `\`${secondName}\`.${table}`, day }),
      })
      done.push({ table, day, done: what })
    }
  }
  return done
}

function statementFor(
  what: DayDone["done"],
  { live, made, day }: { readonly live: string; readonly made: string; readonly day: string },
): string {
  switch (what) {
    case "replaced":
      return `ALTER TABLE ${live} REPLACE PARTITION ID '${day}' FROM ${made}`
    case "removed":
      return `ALTER TABLE ${live} DROP PARTITION ID '${day}'`
    case "added to":
      // Rows of the same identity replace each other.
      return `INSERT INTO ${live} SELECT * FROM ${made} WHERE _partition_id = '${day}'`
  }
}

/** Tables that hold rows by day; views have none of their own. */
async function tablesByDay({ client, secondName }: Swap): Promise<readonly string[]> {
  const found = await client.query({
    query: `
      SELECT name FROM system.tables
      WHERE database = {database:String} AND engine LIKE '%MergeTree' AND partition_key LIKE 'toYYYYMMDD(%'
      ORDER BY name`,
    query_params: { database: secondName },
    format: "JSONEachRow",
  })
  return (await found.json<{ name: string }>()).map(({ name }) => name)
}

async function daysOf({ client }: Swap, database: string, table: string): Promise<readonly string[]> {
  const found = await client.query({
    query: "SELECT DISTINCT partition_id AS day FROM system.parts WHERE active AND database = {database:String} AND table = {table:String}",
    query_params: { database, table },
    format: "JSONEachRow",
  })
  return (await found.json<{ day: string }>()).map(({ day }) => day)
}

const startOf = (day: string): number => Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6)))
