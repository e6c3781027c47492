import type { AttemptDay } from "../../status-shadow.ts"
import type { Session } from "../database.ts"

export const attemptDays = (session: Session, sinceMs: number): Promise<readonly AttemptDay[]> =>
  session.run<AttemptDay & Record<string, unknown>>({ text: DAYS, values: [new Date(sinceMs)] })

export async function shortestRetention(session: Session): Promise<number | undefined> {
  const [row] = await session.run<{ hours: number | null }>({ text: SHORTEST, values: [] })
  return row?.hours ?? undefined
}

export async function attemptsOf(
  session: Session,
  { applicationId, day }: Pick<AttemptDay, "applicationId" | "day">,
): Promise<readonly string[]> {
  const rows = await session.run<{ name: string }>({ text: NAMES, values: [applicationId, day] })
  return rows.map(({ name }) => name)
}

/** Analytics sums the same up in the same way. */
const DAYS = `
  select
    application_id as "applicationId",
    to_char(delivery_created_at at time zone 'UTC', 'YYYYMMDD') as day,
    count(*) as attempts,
    sum(('x' || substr(md5(delivery_id || '/' || number), 1, 8))::bit(32)::bigint)::double precision as digest
  from posthorn.attempts
  where delivery_created_at >= $1
  group by 1, 2`

/** The shortest time for which an application has its rows kept now; null = none says. */
const SHORTEST = "select min(retention_hours) as hours from posthorn.applications where retention_hours > 0"

const NAMES = `
  select delivery_id || '/' || number as name
  from posthorn.attempts
  where application_id = $1
    and delivery_created_at >= ($2 || ' 00:00Z')::timestamptz
    and delivery_created_at < ($2 || ' 00:00Z')::timestamptz + interval '1 day'`
