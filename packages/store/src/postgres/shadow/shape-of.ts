import type { Session } from "../database.ts"

export interface Shape {
  /** Columns of the primary key. */
  readonly key: readonly string[]
  /** All columns, in order. */
  readonly columns: readonly string[]
}

/** How a table of the live view looks. */
export async function shapeOf(session: Session, table: string): Promise<Shape> {
  const rows = await session.run<{ name: string; isKey: boolean }>({
    text: `
      select attname as name, attnum = any (coalesce(indkey, '')::int2[]) as "isKey"
      from pg_attribute left join pg_index on indrelid = attrelid and indisprimary
      where attrelid = $1::regclass and attnum > 0 and not attisdropped
      order by attnum`,
    values: [`posthorn.${table}`],
  })
  return { key: rows.filter(({ isKey }) => isKey).map(({ name }) => name), columns: rows.map(({ name }) => name) }
}
