import type { ComparisonOptions, RowDifference, TableComparison } from "../../status-shadow.ts"
import type { Session } from "../database.ts"
import { inSchema, LIVE_SCHEMA } from "../in-schema.ts"
import { shapeOf, type Shape } from "./shape-of.ts"
import { coveredSince, LOG_TABLES, type LogTable } from "./view-tables.ts"

interface Compared {
  readonly session: Session
  /** Schema of the view that the log has just made. */
  readonly shadow: string
  readonly options: ComparisonOptions
}

/** Compares every table that the log makes, within what both views can have. Both have to be at the same positions of the log. */
export async function compareTables(compared: Compared): Promise<readonly TableComparison[]> {
  const comparisons: TableComparison[] = []
  for (const table of LOG_TABLES) comparisons.push(await compareTable(compared, table))
  return comparisons
}

/** The keeper may drop a day while it is compared. */
const KEEPER_AHEAD_MS = 3600_000

async function compareTable({ session, shadow, options }: Compared, table: LogTable): Promise<TableComparison> {
  const { name, time, apart = [] } = table
  const coveredMs = coveredSince(table, options.coverage)
  const { key, columns } = table.derived
    ? { key: table.derived.key, columns: [...table.derived.key, "count"] }
    : await shapeOf(session, name)
  const parameters = [
    ...(time === undefined ? [] : [new Date(coveredMs)]),
    ...(table.byDay ? [new Date(options.nowMs + KEEPER_AHEAD_MS), options.retentionHours] : []),
  ]
  const rowsIn = (schema: string): string =>
    `(select * from (${inSchema(table.derived?.rows ?? `select * from posthorn.${name}`, schema)}) each where ${withinBoth(table)})`
  const sides = { live: rowsIn(LIVE_SCHEMA), made: rowsIn(shadow) }
  const [counts] = await session.run<{ live: number; fromLog: number }>({ text: countRows(sides), values: parameters })
  // Without a time it cannot be told which rows stem from what the log has let go.
  const withExtra = time !== undefined || coveredMs === 0
  const shape = { key, columns: columns.filter((column) => !apart.includes(column)) }
  const text = findDifferences(shape, { ...sides, withExtra, limit: options.differencesMax })
  const rows = await session.run<RowDifference & Record<RowDifference["kind"], number>>({ text, values: parameters })
  const { missing = 0, extra = 0, different = 0 } = rows[0] ?? {}
  const differences = rows.map(({ id, kind, columns: differing }) => ({ id, kind, columns: differing }))
  const { live = 0, fromLog = 0 } = counts ?? {}
  return { table: name, derived: table.derived !== undefined, live, fromLog, missing, extra, different, differences }
}

/** What neither the log nor the live view's keeper has let go. */
function withinBoth({ time, fromConfig, byDay }: LogTable): string {
  if (time === undefined) return "true"
  const covered = `${time} >= $1${fromConfig === undefined ? "" : ` or ${fromConfig}`}`
  const hours = "make_interval(hours => case retention_hours when 0 then $3::integer else retention_hours end)"
  return byDay ? `${covered} and ${time} >= date_trunc('day', $2::timestamptz - ${hours}, 'UTC')` : `(${covered})`
}

/** The rows that are compared, of both views. */
interface Sides {
  readonly live: string
  readonly made: string
}

const countRows = ({ live, made }: Sides): string => `
  select (select count(*) from ${live} l) as live, (select count(*) from ${made} s) as "fromLog"`

function findDifferences(
  { key, columns }: Shape,
  { live, made, withExtra, limit }: Sides & { readonly withExtra: boolean; readonly limit: number },
): string {
  const [first = ""] = key
  const rowOf = (side: string): string => `row(${columns.map((column) => `${side}.${column}`).join(", ")})`
  const differing = columns.map((column) => `case when l.${column} is distinct from s.${column} then '${column}' end`)
  const kind = `case when l.${first} is null then 'missing' when s.${first} is null then 'extra' else 'different' end`
  return `
    select *,
      count(*) filter (where kind = 'missing') over () as missing,
      count(*) filter (where kind = 'extra') over () as extra,
      count(*) filter (where kind = 'different') over () as different
    from (
      select
        concat_ws(' ', ${key.map((column) => `coalesce(l.${column}, s.${column})`).join(", ")}) as id,
        ${kind} as kind,
        case when ${kind} = 'different' then array_remove(array[${differing.join(", ")}], null) else '{}' end as columns
      from ${live} l
      ${withExtra ? "full" : "right"} join ${made} s
        on ${key.map((column) => `l.${column} = s.${column}`).join(" and ")}
      where l.${first} is null or s.${first} is null or ${rowOf("l")} is distinct from ${rowOf("s")}
    ) found
    order by id
    limit ${limit}`
}
