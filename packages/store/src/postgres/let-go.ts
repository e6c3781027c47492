import { limits } from "@posthorn/core"
import pg from "pg"
import { StoreUnavailable } from "../status-store.ts"
import { letHoursGo } from "./conservation-hours.ts"
import type { Database, Session } from "./database.ts"
import { lockDays, tableOf, tableOfDay, TABLES, type DayClass, type DayTable } from "./days.ts"
import { recount } from "./recount.ts"

/**
 * What became of rows that are old enough. `dropped`: they are gone. `held`: what is on its way is left, with at most as much again beside it.
 * `kept`: so much is on its way that all of it stays. `locked`: somebody used the tables; to be tried again.
 */
export type Fate = "dropped" | "held" | "kept" | "locked"

/** What takes the place of tables: copies of what is on its way; nothing, unless something is on its way by then; nothing in any case. */
type Successor = "copies" | "nothing if idle" | "nothing"

/**
 * Lets go of the rows of a day and class. Only those who use that day wait, and for a moment: its tables hang on a table of the day, which alone is
 * locked. What is on its way is copied first, without a lock; under it what has changed meanwhile is copied again, and the copies take the place of
 * the old tables, which are dropped. So rows are always where their records look for them, and a record that comes late finds its place.
 */
export async function letGo(database: Database, each: DayClass, { evenOnTheirWay = false } = {}): Promise<Fate> {
  const swapped = async (successor: Successor): Promise<Fate> =>
    (await database.transaction((session) => swap(session, each, successor))) ?? "locked"
  try {
    if (evenOnTheirWay) return await swapped("nothing")
    const onTheirWay = await countUpTo(database, `${tableOf("deliveries", each)} where ${ON_THEIR_WAY}`, limits.RETENTION_HELD_MAX + 1)
    if (onTheirWay === 0) return await swapped("nothing if idle")
    if (onTheirWay > limits.RETENTION_HELD_MAX) return "kept"
    if (!(await holdsMore(database, each, 2 * onTheirWay))) return "held"
    const copied = await database.transaction((session) => copy(session, each))
    return copied ? await swapped("copies") : "locked"
  } catch (error) {
    if (isTaken(error)) return "locked"
    throw error
  }
}

/** Drops what the classes of a day hung on. All who read or write wait for a moment, so it is left for another time when they do not let go at once. */
export async function letGoOfDay(database: Database, day: string): Promise<void> {
  try {
    await database.transaction(async (session) => {
      await hurry(session)
      await lockDays(session)
      await lock(
        session,
        TABLES.map((table) => `posthorn.${table}`),
      )
      // Unless a late record has made a class meanwhile.
      const [used] = await session.run({
        text: `select from pg_inherits where inhparent = to_regclass('${tableOfDay("deliveries", day)}')`,
        values: [],
      })
      for (const table of used ? [] : TABLES) await session.run({ text: `drop table if exists ${tableOfDay(table, day)}`, values: [] })
      return true
    })
  } catch (error) {
    if (!isTaken(error)) throw error
  }
}

const ON_THEIR_WAY = "state in ('scheduled', 'retrying')"

/** Of a table and a condition, without counting further than that. */
async function countUpTo(session: Session, from: string, max: number): Promise<number> {
  const [row] = await session.run<{ count: number }>({
    text: `select count(*) as count from (select from ${from} limit ${max}) as found`,
    values: [],
  })
  return row?.count ?? 0
}

/** Whether there are more rows than so many to let go of: a day that is held already is not written anew for every delivery that ends. */
async function holdsMore(session: Session, each: DayClass, rows: number): Promise<boolean> {
  for (const table of ["deliveries", "events"] as const) if ((await countUpTo(session, tableOf(table, each), rows + 1)) > rows) return true
  return false
}

const copyOf = (table: DayTable, each: DayClass): string => `${tableOf(table, each)}_held`

/** Makes tables that hold what is on its way; nothing when another process does. */
async function copy(session: Session, each: DayClass): Promise<true | undefined> {
  const [alone] = await session.run<{ held: boolean }>({ text: "select pg_try_advisory_xact_lock(1886353269) as held", values: [] })
  if (alone?.held !== true) return undefined
  for (const table of TABLES) {
    // Left by a round that did not come to its end.
    await session.run({ text: `drop table if exists ${copyOf(table, each)}`, values: [] })
    await session.run({ text: `create table ${copyOf(table, each)} (like ${tableOf(table, each)} including all)`, values: [] })
  }
  await copyOnTheirWay(session, each)
  for (const table of TABLES) await session.run({ text: `analyze ${copyOf(table, each)}`, values: [] })
  return true
}

async function swap(session: Session, each: DayClass, successor: Successor): Promise<Fate | undefined> {
  await hurry(session)
  await lockDays(session)
  await lock(
    session,
    TABLES.map((table) => tableOfDay(table, each.day)),
  )
  if (successor === "copies") await copyOnTheirWay(session, each)
  if (successor === "nothing if idle" && (await countUpTo(session, `${tableOf("deliveries", each)} where ${ON_THEIR_WAY}`, 1)) > 0)
    return undefined
  const run = (text: string): Promise<unknown> => session.run({ text, values: [] })
  for (const table of TABLES) {
    const [name, copied] = [tableOf(table, each), copyOf(table, each)]
    await run(`drop table ${name}`)
    if (successor === "copies") {
      await run(`alter table ${copied} rename to ${name.slice(name.indexOf(".") + 1)}`)
      await run(`alter table ${tableOfDay(table, each.day)} attach partition ${name} for values in (${each.retentionHours})`)
    } else {
      // Left by a round that did not come to its end.
      await run(`drop table if exists ${copied}`)
    }
  }
  await recount(session, each)
  await letHoursGo(session, each.day)
  return successor === "copies" ? "held" : "dropped"
}

/** Brings the copies up to date, whatever they hold. An attempt comes with a new state of its delivery; an event may come later than its deliveries. */
async function copyOnTheirWay(session: Session, each: DayClass): Promise<void> {
  const [events, deliveries, attempts] = [tableOf("events", each), tableOf("deliveries", each), tableOf("attempts", each)]
  const [heldEvents, heldDeliveries, heldAttempts] = [copyOf("events", each), copyOf("deliveries", each), copyOf("attempts", each)]
  // Few of very many are looked for, which a planner without fresh statistics does not know.
  await session.run({ text: "set local enable_seqscan to off", values: [] })
  const same = "d.created_at = held.created_at and d.id = held.id"
  const changed = `
    delete from ${heldDeliveries} held
    where not exists (select from ${deliveries} d where ${same} and d.sequence = held.sequence and d.${ON_THEIR_WAY})`
  const fresh = `
    with fresh as (
      insert into ${heldDeliveries}
      select * from ${deliveries} d where d.${ON_THEIR_WAY} and not exists (select from ${heldDeliveries} held where ${same})
      returning created_at, id
    )
    insert into ${heldAttempts}
    select a.* from fresh join ${attempts} a on a.delivery_created_at = fresh.created_at and a.delivery_id = fresh.id
    on conflict do nothing`
  const theirEvents = `
    insert into ${heldEvents}
    select e.*
    from (select distinct event_id from ${heldDeliveries} except select id from ${heldEvents}) missing (id)
    join ${events} e on e.id = missing.id
    on conflict do nothing`
  const strayAttempts = `
    delete from ${heldAttempts} a
    where not exists (select from ${heldDeliveries} d where d.created_at = a.delivery_created_at and d.id = a.delivery_id)`
  const strayEvents = `delete from ${heldEvents} e where not exists (select from ${heldDeliveries} d where d.event_id = e.id)`
  for (const text of [changed, fresh, theirEvents, strayAttempts, strayEvents]) await session.run({ text, values: [] })
}

const lock = (session: Session, tables: readonly string[]): Promise<unknown> =>
  session.run({ text: `lock table ${tables.join(", ")} in access exclusive mode`, values: [] })

/** Waits for no lock for long, as others wait behind. */
const hurry = (session: Session): Promise<unknown> =>
  session.run({ text: `set local lock_timeout to ${limits.RETENTION_LOCK_MS}`, values: [] })

/**
 * A lock that was not to be had, a deadlock with somebody, tables that another process has let go, or a statement that took too long: one day that
 * cannot go now must not keep the others.
 */
const TAKEN = new Set(["55P03", "40P01", "42P01", "57014"])

function isTaken(error: unknown): boolean {
  const cause = error instanceof StoreUnavailable ? error.cause : error
  return cause instanceof pg.DatabaseError && TAKEN.has(cause.code ?? "")
}
