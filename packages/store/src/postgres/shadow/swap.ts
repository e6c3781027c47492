import type { CatchUp, Swapped } from "../../status-shadow.ts"
import type { Database, Session } from "../database.ts"
import { takeGrants } from "./take-grants.ts"
import { holdStill } from "./hold-still.ts"
import { MOVED_TABLES } from "./view-tables.ts"

/** What was live is kept under this name until it is dropped. */
export const OLD_SCHEMA = "posthorn_old"

interface Swap {
  readonly database: Database
  readonly shadow: string
  readonly catchUp: CatchUp
}

/**
 * Gives the shadow the live view's name. Whoever reads or writes meanwhile is not disturbed: statements that wait for a lock here look their tables
 * up again when they get it, and prepared ones are planned anew.
 */
export async function swap({ database, shadow, catchUp }: Swap): Promise<Swapped> {
  const swapped = await database.transaction(async (session) => {
    await holdStill(session, catchUp)
    await run(session, "lock table posthorn.api_keys in exclusive mode")
    await run(session, keepUses(shadow))
    for (const table of MOVED_TABLES) await moveTable(session, table, shadow)
    const notes = [...(await takeGrants(session, shadow)), ...(await strangers(session, shadow))]
    await run(session, `alter schema posthorn rename to ${OLD_SCHEMA}`)
    await run(session, `alter schema ${shadow} rename to posthorn`)
    return { notes }
  })
  return swapped ?? { notes: [] }
}

/** Drops what was live, a table at a time: all of its days at once are more locks than a server has by default. */
export async function dropOld(database: Database): Promise<void> {
  const tables = await database.run<{ name: string }>({
    text: `
      select relname as name from pg_class
      where relnamespace = to_regnamespace('${OLD_SCHEMA}') and relkind in ('r', 'p')
      order by relispartition desc, relkind desc, relname`,
    values: [],
  })
  for (const { name } of tables) await database.run({ text: `drop table if exists ${OLD_SCHEMA}."${name}"`, values: [] })
  const functions = await database.run<{ signature: string }>({ text: OLD_FUNCTIONS, values: [] })
  for (const { signature } of functions) await database.run({ text: `drop function ${signature}`, values: [] })
  await database.run({ text: `drop schema if exists ${OLD_SCHEMA}`, values: [] })
}

/** Those that the new view has as well; others are somebody else's. */
const OLD_FUNCTIONS = `
  select oid::regprocedure::text as signature from pg_proc
  where pronamespace = to_regnamespace('${OLD_SCHEMA}')
    and proname in (select proname from pg_proc where pronamespace = to_regnamespace('posthorn'))`

const run = (session: Session, text: string): Promise<unknown> => session.run({ text, values: [] })

/** When keys were last used is not in the log. */
const keepUses = (shadow: string): string => `
  update ${shadow}.api_keys made
  set last_used_at = live.last_used_at
  from posthorn.api_keys live
  where live.id = made.id and live.last_used_at is not null`

async function moveTable(session: Session, table: string, shadow: string): Promise<void> {
  const parts = await session.run<{ name: string }>({
    text: `
      select relname as name from pg_class
      where oid = $1::regclass or oid in (select relid from pg_partition_tree($1::regclass))`,
    values: [`posthorn.${table}`],
  })
  await run(session, `drop table ${shadow}.${table}`)
  for (const { name } of parts) await run(session, `alter table posthorn."${name}" set schema ${shadow}`)
}

/** What somebody else has put into the live schema stays behind in the old one. */
async function strangers(session: Session, shadow: string): Promise<readonly string[]> {
  const found = await session.run<{ name: string }>({
    text: `
      select relname as name from pg_class live
      where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
        and not exists (select from pg_class made where made.relnamespace = to_regnamespace($1::text) and made.relname = live.relname)
      order by 1`,
    values: [shadow],
  })
  return found.map(({ name }) => `${name} is not of Posthorn and stays in the schema ${OLD_SCHEMA}`)
}
