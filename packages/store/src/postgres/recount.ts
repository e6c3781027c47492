import type { Session } from "./database.ts"
import { endOfDay, type DayClass } from "./days.ts"

const DAY_MS = 24 * 3600 * 1000

/**
 * Counts what is left of a day and class. `delivery_counts` follows statements, and tables that take the place of others are none: in the transaction
 * that does it, when nobody else can write to the day.
 */
export async function recount(session: Session, { day, retentionHours }: DayClass): Promise<void> {
  const values = [new Date(endOfDay(day) - DAY_MS), new Date(endOfDay(day)), retentionHours]
  await session.run({ name: "counts-forget", text: FORGET, values })
  await session.run({ name: "counts-anew", text: COUNT, values })
}

const FORGET = `
  delete from posthorn.delivery_counts
  where created_from >= $1 and created_from < $2 and retention_hours = $3`

const COUNT = `
  insert into posthorn.delivery_counts (application_id, created_from, state, retention_hours, writer, count)
  select application_id, date_bin('5 minutes', created_at, '2000-01-01Z'), state, retention_hours, 0, count(*)
  from posthorn.deliveries
  where created_at >= $1 and created_at < $2 and retention_hours = $3
  group by 1, 2, 3, 4`
