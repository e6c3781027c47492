import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import type { StatusRows } from "@posthorn/core"
import type { Database, Session } from "./database.ts"

/** Tables that are kept by day; what belongs together is in tables of the same day. In the order in which a projection locks them. */
export const TABLES = ["events", "deliveries", "attempts"] as const
export type DayTable = (typeof TABLES)[number]

const DAY_MS = 24 * 3600 * 1000

/** The rows of one day that are kept equally long. They are in tables of their own. */
export interface DayClass {
  /** `YYYYMMDD`, UTC. */
  readonly day: string
  /** 0 = as the installation says. */
  readonly retentionHours: number
}

/** Where a day ends, Unix milliseconds. */
export const endOfDay = (day: string): number => startOfDay(day) + DAY_MS

/** Holds one day. */
export const tableOfDay = (table: DayTable, day: string): string => `posthorn.${table}_${day}`

/** Holds the rows of one day and class. */
export const tableOf = (table: DayTable, { day, retentionHours }: DayClass): string => `${tableOfDay(table, day)}_${retentionHours}h`

/** Makes the tables of days before rows need them, and knows which there are. */
export class Days {
  readonly #database: Database
  readonly #made = new Set<string>()

  constructor(database: Database) {
    this.#database = database
  }

  /** Resolves when there are tables for these days and classes, which another process may drop again. */
  async make(classes: Iterable<DayClass>): Promise<void> {
    for (const each of classes) {
      const name = nameOf(each)
      if (this.#made.has(name)) continue
      await this.#database.transaction(async (session) => {
        await lockDays(session)
        for (const table of TABLES)
          for (const text of [createDay(table, each.day), createClass(table, each)]) await session.run({ text, values: [] })
        return true
      })
      this.#made.add(name)
    }
  }

  /** Forgets which tables there are: another process dropped some. */
  forget(): void {
    this.#made.clear()
  }

  /** Everything that has tables, oldest first. */
  async list(): Promise<readonly DayClass[]> {
    return this.#database.run<DayClass>({ name: "day-classes", text: LIST, values: [] })
  }

  /** Days none of whose rows have a table any more. */
  async listEmpty(): Promise<readonly string[]> {
    const rows = await this.#database.run<{ day: string }>({ name: "days-empty", text: LIST_EMPTY, values: [] })
    return rows.map(({ day }) => day)
  }
}

/** As people read it: the day, and the hours of those that are not kept as the installation says. */
export const nameOf = ({ day, retentionHours }: DayClass): string => (retentionHours === 0 ? day : `${day}/${retentionHours}h`)

/** One process at a time makes or drops tables: two would wait for each other's locks. */
export const lockDays = (session: Session): Promise<unknown> =>
  session.run({ text: "select pg_advisory_xact_lock(1886353268)", values: [] })

const startOfDay = (day: string): number => Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`)

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "")

/** Of these rows. */
export function classesOf({ events, deliveries, attempts }: StatusRows): readonly DayClass[] {
  const found = new Map<number, DayClass>()
  const add = (time: Timestamp | undefined, retentionHours: number): void => {
    if (time === undefined) return
    const ms = timestampMs(time)
    const key = Math.floor(ms / DAY_MS) * 10_000 + retentionHours
    if (!found.has(key)) found.set(key, { day: dayOf(ms), retentionHours })
  }
  for (const { event } of events) add(event.acceptedAt, event.retentionHours)
  for (const { facts } of deliveries) add(facts.createdAt, facts.retentionHours)
  for (const { facts } of attempts) add(facts.createdAt, facts.retentionHours)
  return [...found.values()]
}

/** A name cannot be a parameter; `day` holds digits only. */
const createDay = (table: DayTable, day: string): string => `
  create table if not exists ${tableOfDay(table, day)} partition of posthorn.${table}
  for values from ('${new Date(startOfDay(day)).toISOString()}') to ('${new Date(endOfDay(day)).toISOString()}')
  partition by list (retention_hours)`

const createClass = (table: DayTable, each: DayClass): string => `
  create table if not exists ${tableOf(table, each)} partition of ${tableOfDay(table, each.day)} for values in (${each.retentionHours})`

const LIST = `
  select substring(relname, 'deliveries_(\\d{8})_\\d+h$') as day, substring(relname, '_(\\d+)h$')::integer as "retentionHours"
  from pg_partition_tree('posthorn.deliveries'::regclass) join pg_class on oid = relid
  where isleaf and level = 2
  order by 1, 2`

const LIST_EMPTY = `
  select right(relname, 8) as day
  from pg_partition_tree('posthorn.deliveries'::regclass) tree join pg_class on oid = relid
  where level = 1 and not exists (select from pg_inherits where inhparent = tree.relid)
  order by 1`
