import type { Database } from "../database.ts"
import { LOG_TABLES } from "./view-tables.ts"

/** Tables with nearly all of the rows. Their indexes are made faster when the rows are there. */
const LARGE = LOG_TABLES.filter(({ byDay, derived }) => byDay === true && derived === undefined).map(({ name }) => name)

/** Drops what filling a shadow does without. Primary keys stay. */
export async function dropIndexes(own: Database): Promise<void> {
  for (const { name } of await indexesOf(own, own.schema)) await own.run({ text: `drop index posthorn."${name}"`, values: [] })
}

/** Gives the shadow every index that the live view has and it has not. */
export async function makeIndexes(live: Database, shadow: string): Promise<void> {
  const there = new Set((await indexesOf(live, shadow)).map(({ name }) => name))
  for (const { name, definition } of await indexesOf(live, "posthorn"))
    // The definition of an index over days says that it is of the table above them alone; then nothing would be indexed.
    if (!there.has(name)) await live.run({ text: definition.replace(/ ON (?:ONLY )?posthorn\./, ` ON ${shadow}.`), values: [] })
}

const indexesOf = (database: Database, schema: string): Promise<readonly { readonly name: string; readonly definition: string }[]> =>
  database.run<{ name: string; definition: string }>({
    text: `
      select relname as name, pg_get_indexdef(indexrelid) as definition
      from pg_index join pg_class made on made.oid = indexrelid
      where indrelid = any (select oid from pg_class where relnamespace = to_regnamespace($1) and relname = any($2::text[]))
        and not exists (select from pg_constraint where conindid = indexrelid)
      order by relname`,
    values: [schema, LARGE],
  })
