import type { Coverage } from "../../status-shadow.ts"
import type { Database } from "../database.ts"
import { inSchema } from "../in-schema.ts"
import { SETTLE_ALL } from "../upsert-dead-letters.ts"
import { SETTLE_ALL_UNMATCHED } from "../write-evidence.ts"
import { shapeOf, type Shape } from "./shape-of.ts"
import { coveredSince, LOG_TABLES, type LogTable } from "./view-tables.ts"

interface CarryOver {
  readonly database: Database
  /** Schema of the new view. */
  readonly shadow: string
  readonly coverage: Coverage
}

/**
 * Copies into the new view what the live one has of records that the log has let go. A row that is partly of such records is as the live view has it:
 * that was made of more of them, and is never behind. Answers how many rows, by table; those of days need their days to be there.
 */
export async function carryOver({ database, shadow, coverage }: CarryOver): Promise<ReadonlyMap<string, number>> {
  const carried = new Map<string, number>()
  for (const table of LOG_TABLES) {
    const untilMs = coveredSince(table, coverage)
    if (untilMs === 0 || table.derived !== undefined) continue
    const text = copyRows(table, shadow, await shapeOf(database, table.name))
    carried.set(table.name, await database.count({ text, values: table.time === undefined ? [] : [new Date(untilMs)] }))
  }
  for (const settle of [SETTLE_ALL, SETTLE_ALL_UNMATCHED]) await database.run({ text: inSchema(settle, shadow), values: [] })
  return carried
}

function copyRows({ name, time, fromConfig }: LogTable, shadow: string, { key, columns }: Shape): string {
  const old = [...(time === undefined ? [] : [`${time} < $1`]), ...(fromConfig === undefined ? [] : [`not (${fromConfig})`])]
  const settable = columns.filter((column) => !key.includes(column)).map((column) => `${column} = excluded.${column}`)
  // Without a time it cannot be told whether the log has everything of a row that it makes: what it makes counts then.
  const conflict = time === undefined || settable.length === 0 ? "nothing" : `update set ${settable.join(", ")}`
  return `
    insert into ${shadow}.${name} (${columns.join(", ")})
    select ${columns.join(", ")} from posthorn.${name}${old.length === 0 ? "" : ` where ${old.join(" and ")}`}
    on conflict (${key.join(", ")}) do ${conflict}`
}
