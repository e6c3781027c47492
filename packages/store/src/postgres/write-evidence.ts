import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import type { StatusRows } from "@posthorn/core"
import { textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"

const HOUR_MS = 3600 * 1000

/** The statements that keep the books of the check straight, after the rows themselves, in the order in which they have to run. */
export function evidenceStatements(rows: StatusRows): readonly Statement[] {
  const { events, unmatched } = rows
  const statements: Statement[] = []
  if (unmatched.length > 0) {
    const values = [textColumn(unmatched.map(({ eventId }) => eventId)), timeColumn(unmatched.map(({ acceptedAt }) => acceptedAt))]
    statements.push({ name: "unmatched-insert", text: INSERT_UNMATCHED, values })
  }
  const ids = [...events.map(({ event }) => event.eventId), ...unmatched.map(({ eventId }) => eventId)]
  if (ids.length > 0) statements.push({ name: "unmatched-settle", text: SETTLE_UNMATCHED, values: [textColumn(ids)] })
  const hours = hoursOf(rows)
  if (hours.length > 0) statements.push({ name: "conservation-touch", text: TOUCH, values: [hours] })
  return statements
}

/** Hours that may have gained an event or a delivery. What becomes of a delivery after its first attempt adds none. */
function hoursOf({ events, unmatched, deliveries }: StatusRows): readonly Date[] {
  const times: readonly (Timestamp | undefined)[] = [
    ...events.map(({ event }) => event.acceptedAt),
    ...unmatched.map(({ acceptedAt }) => acceptedAt),
    ...deliveries.flatMap(({ facts, attemptCount }) => (attemptCount <= 1 ? [facts.createdAt] : [])),
  ]
  const hours = new Set(times.flatMap((time) => (time ? [Math.floor(timestampMs(time) / HOUR_MS) * HOUR_MS] : [])))
  return [...hours].map((ms) => new Date(ms))
}

const INSERT_UNMATCHED = `
  insert into posthorn.unmatched_events (event_id, created_at)
  select * from unnest($1::text[], $2::timestamptz[])
  on conflict (event_id) do nothing`

/** Brings events and what the router said of them together, whichever of them is new. */
const settleUnmatched = (which: string): string => `
  with found as (
    delete from posthorn.unmatched_events u
    using posthorn.events e
    where ${which} and e.created_at = u.created_at and e.id = u.event_id
    returning u.event_id, u.created_at
  )
  update posthorn.events e set unmatched = true
  from found
  where e.created_at = found.created_at and e.id = found.event_id`

const SETTLE_UNMATCHED = settleUnmatched("u.event_id = any($1::text[])")
export const SETTLE_ALL_UNMATCHED = settleUnmatched("true")

/** Whoever looks at one of these hours now has to look again. In one order, so that two projectors that meet wait for each other. */
const TOUCH = `
  with touched as (
    select hour from posthorn.conservation_hours where hour = any($1::timestamptz[]) and state <> 'let_go' order by hour for update
  )
  update posthorn.conservation_hours h set state = 'open', looking = false
  from touched
  where h.hour = touched.hour`
