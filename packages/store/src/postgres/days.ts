import type { Database, Session } from "./database.ts"

/** Tables that are kept by day; what belongs together is in tables of the same day. */
const TABLES = ["events", "deliveries", "attempts"] as const
const DAY_MS = 24 * 3600 * 1000

/** A day (UTC) as `YYYYMMDD`. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "")

/** Where a day ends, Unix milliseconds. */
export const endOfDay = (day: string): number => startOfDay(day) + DAY_MS

const startOfDay = (day: string): number => Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`)

/** Makes the tables of days before rows need them, and drops them. */
export class Days {
  readonly #database: Database
  readonly #made = new Set<string>()

  constructor(database: Database) {
    this.#database = database
  }

  /** Resolves when there are tables for these days, which another process may drop again. */
  async make(days: Iterable<string>): Promise<void> {
    for (const day of days) {
      if (this.#made.has(day)) continue
      await this.#database.transaction(async (session) => {
        await lockDays(session)
        for (const table of TABLES) await session.run({ text: createDay(table, day), values: [] })
        return true
      })
      this.#made.add(day)
    }
  }

  /** Forgets which tables there are: another process dropped some. */
  forget(): void {
    this.#made.clear()
  }

  /** Every day that has tables, oldest first. */
  async list(): Promise<readonly string[]> {
    const rows = await this.#database.run<{ day: string }>({ name: "days", text: LIST, values: [] })
    return rows.map(({ day }) => day)
  }

  /** Drops a day's tables unless a delivery in them is on its way; answers whether it did. */
  async drop(day: string): Promise<boolean> {
    const busy = async (session: Session): Promise<boolean> => {
      const [found] = await session.run<{ busy: boolean }>({ text: onTheirWay(day), values: [] })
      return found?.busy !== false
    }
    if (await busy(this.#database)) return false
    const dropped = await this.#database.transaction(async (session) => {
      await lockDays(session)
      // Nothing may change between looking and dropping. In the order in which a projection takes these locks.
      await session.run({
        text: `lock table ${TABLES.map((table) => `posthorn.${table}`).join(", ")} in access exclusive mode`,
        values: [],
      })
      if (await busy(session)) return undefined
      for (const table of TABLES) await session.run({ text: `drop table if exists posthorn.${table}_${day}`, values: [] })
      return true
    })
    this.#made.delete(day)
    return dropped === true
  }
}

/** One process at a time makes or drops tables: two would wait for each other's locks. */
const lockDays = (session: Session): Promise<unknown> => session.run({ text: "select pg_advisory_xact_lock(1886353268)", values: [] })

/** A name cannot be a parameter; `day` holds digits only. */
const createDay = (table: string, day: string): string => `
  create table if not exists posthorn.${table}_${day} partition of posthorn.${table}
  for values from ('${new Date(startOfDay(day)).toISOString()}') to ('${new Date(endOfDay(day)).toISOString()}')`

const onTheirWay = (day: string): string =>
  `select exists (select from posthorn.deliveries_${day} where state in ('scheduled', 'retrying')) as busy`

const LIST = `
  select right(child.relname, 8) as day
  from pg_inherits
  join pg_class child on child.oid = inhrelid
  where inhparent = 'posthorn.deliveries'::regclass
  order by 1`
