import { limits, type LogPlace, type SuspectDelivery, type SuspectEvent, type Topic } from "@posthorn/core"
import type { HourQuery, HourSuspects } from "../conservation.ts"
import { bigintColumn, integerColumn, textColumn } from "./column.ts"
import type { Database, Session } from "./database.ts"

export const HOUR_MS = 3600 * 1000

export async function projected(database: Database): Promise<readonly LogPlace[]> {
  const text = `select topic, partition, next_offset as offset from posthorn.projector_offset`
  return database.run<{ topic: Topic; partition: number; offset: number }>({ name: "conservation-projected", text, values: [] })
}

export async function openHours(
  database: Database,
  { beganBeforeMs, nowMs }: { readonly beganBeforeMs: number; readonly nowMs: number },
): Promise<readonly number[]> {
  const range = [new Date(beganBeforeMs), new Date(nowMs - limits.CONSERVATION_KEPT_MS)]
  const added = await database.count({ name: "conservation-add-hours", text: ADD_HOURS, values: range })
  // A projection that is under way does not see the new hours, and what it writes would not be seen: it is waited for.
  if (added > 0) await database.run({ name: "conservation-fence", text: FENCE, values: [] })
  const rows = await database.run<{ hour: Date }>({
    name: "conservation-open-hours",
    text: OPEN_HOURS,
    values: [new Date(beganBeforeMs), limits.CONSERVATION_HOURS_MAX],
  })
  return rows.map(({ hour }) => hour.getTime()).toSorted((a, b) => a - b)
}

export async function lookAt(database: Database, { hourMs, nowMs, routed }: HourQuery): Promise<HourSuspects> {
  const range = [new Date(hourMs), new Date(hourMs + HOUR_MS)]
  const reached = [
    textColumn(routed.map(({ topic }) => topic)),
    integerColumn(routed.map(({ partition }) => partition)),
    bigintColumn(routed.map(({ offset }) => offset)),
  ]
  const values = [...range, ...reached, new Date(nowMs)]
  const counted = await database.run<{ missing: number }>({ name: "conservation-count", text: COUNT, values })
  const missing = counted.some((row) => row.missing > 0)
  const events = missing ? await database.run<EventRow>({ name: "conservation-missing", text: LIST_MISSING, values }) : []
  const lettersSince = new Date(nowMs - LETTERS_KEPT_MS)
  const unburied = await database.run<DeliveryRow>({ name: "conservation-unburied", text: LIST_UNBURIED, values: [...range, lettersSince] })
  const holes = await database.run<DeliveryRow & { known: number }>({ name: "conservation-holes", text: LIST_HOLES, values: range })
  return {
    events: events.map(eventOf),
    unburied: unburied.map(suspectOf),
    holes: holes.map((row) => ({ ...suspectOf(row), known: row.known })),
  }
}

/** Says that rows of a day (`YYYYMMDD`) are let go: its hours cannot be counted any more, and stay as they were. */
export const letHoursGo = (session: Session, day: string): Promise<unknown> => session.run({ text: LET_HOURS_GO, values: [day] })

/** Dead letters are let go when they are 30 days old. */
const LETTERS_KEPT_MS = 29 * 24 * HOUR_MS

interface EventRow {
  readonly id: string
  readonly application_id: string
  readonly created_at: Date
  readonly log_topic: Topic
  readonly log_partition: number
  readonly log_offset: number
  readonly deliveries: number
  readonly matched: number | null
}

const eventOf = (row: EventRow): SuspectEvent => ({
  applicationId: row.application_id,
  eventId: row.id,
  acceptedAtMs: row.created_at.getTime(),
  place: { topic: row.log_topic, partition: row.log_partition, offset: row.log_offset },
  deliveries: row.deliveries,
  matched: row.matched ?? undefined,
})

/** What a suspect is made of. */
export const SUSPECT_COLUMNS =
  "d.id, d.application_id, d.event_id, d.subscription_id, d.created_at, d.round, d.attempt_count, d.next_attempt_at, d.sequence, d.log_partition, d.log_offset"

export interface DeliveryRow {
  readonly id: string
  readonly application_id: string
  readonly event_id: string
  readonly subscription_id: string
  readonly created_at: Date
  readonly round: number
  readonly attempt_count: number
  readonly next_attempt_at: Date | null
  readonly sequence: number
  readonly log_partition: number | null
  readonly log_offset: number | null
}

export const suspectOf = (row: DeliveryRow): SuspectDelivery => ({
  applicationId: row.application_id,
  eventId: row.event_id,
  deliveryId: row.id,
  subscriptionId: row.subscription_id,
  acceptedAtMs: row.created_at.getTime(),
  round: row.round,
  attemptCount: row.attempt_count,
  dueAtMs: row.next_attempt_at?.getTime(),
  sequence: row.sequence,
  place:
    row.log_partition === null || row.log_offset === null
      ? undefined
      : { topic: "attempts", partition: row.log_partition, offset: row.log_offset },
})

const LET_HOURS_GO = `
  insert into posthorn.conservation_hours (hour, state)
  select hour, 'let_go'
  from (select to_timestamp($1 || '+00', 'YYYYMMDDTZH') as day) asked, generate_series(day, day + interval '23 hours', interval '1 hour') hour
  on conflict (hour) do update set state = excluded.state, looking = false`

/** Hours with events, from the first that there are on, as far as the books go. */
const ADD_HOURS = `
  insert into posthorn.conservation_hours (hour)
  select hour
  from
    posthorn.conservation_check,
    (select created_at from posthorn.events where created_at >= $2 order by created_at limit 1) first,
    generate_series(
      greatest(date_trunc('hour', first.created_at, 'UTC'), since), $1::timestamptz - interval '1 millisecond', interval '1 hour') hour
  on conflict (hour) do nothing`

/** In the order in which a projection locks them. */
const FENCE = "select from posthorn.projector_offset order by topic, partition for share"

/** The newest: of much that is open, what is old has been looked at before. */
const OPEN_HOURS = `
  update posthorn.conservation_hours set looking = true
  where hour = any(array(
    select hour from posthorn.conservation_hours where state = 'open' and hour < $1 order by hour desc limit $2))
  returning hour`

/** Every event of the hour, at the one place where it is. A delivery is created at the time at which its event was accepted. */
const PLACED = `
  with routed as (
    select * from unnest($3::text[], $4::integer[], $5::bigint[]) as row (topic, partition, next_offset)
  ), told as (
    select event_id, count(*) as deliveries, min(matched) as matched,
      count(*) filter (where state in ('scheduled', 'retrying')) as waiting,
      count(*) filter (where state = 'scheduled' and attempt_count = 0 and next_attempt_at > $6::timestamptz) as scheduled,
      count(*) filter (where state = 'delivered') as delivered,
      count(*) filter (where state = 'dead') as dead,
      count(*) filter (where state = 'cancelled') as cancelled,
      min(next_attempt_at) filter (where state in ('scheduled', 'retrying')) as next_due_at
    from posthorn.deliveries
    where created_at >= $1 and created_at < $2
    group by event_id
  ), placed as (
    select e.id, e.application_id, e.created_at, e.log_topic, e.log_partition, e.log_offset, told.*,
      case
        when told.event_id is null and e.unmatched then 'unmatched'
        when not e.unmatched and (told.event_id is null or told.deliveries < told.matched)
          then case when e.log_offset < routed.next_offset then 'missing' else 'unrouted' end
        when told.waiting > 0 then 'waiting'
        else 'finished'
      end as place
    from posthorn.events e
    left join told on told.event_id = e.id
    left join routed on routed.topic = e.log_topic and routed.partition = e.log_partition
    where e.created_at >= $1 and e.created_at < $2
  )`

const COUNT = `
  ${PLACED}
  insert into posthorn.conservation (
    hour, application_id, accepted, unmatched, unrouted, missing, waiting, delivered, dead, cancelled, deliveries_waiting, deliveries_scheduled,
    next_due_at, checked_at)
  select $1, application_id, count(*), count(*) filter (where place = 'unmatched'), count(*) filter (where place = 'unrouted'),
    count(*) filter (where place = 'missing'), count(*) filter (where place = 'waiting'),
    coalesce(sum(delivered), 0), coalesce(sum(dead), 0), coalesce(sum(cancelled), 0), coalesce(sum(waiting), 0), coalesce(sum(scheduled), 0),
    min(next_due_at), $6
  from placed
  group by application_id
  on conflict (hour, application_id) do update set
    accepted = excluded.accepted, unmatched = excluded.unmatched, unrouted = excluded.unrouted, missing = excluded.missing,
    waiting = excluded.waiting, delivered = excluded.delivered, dead = excluded.dead, cancelled = excluded.cancelled,
    deliveries_waiting = excluded.deliveries_waiting, deliveries_scheduled = excluded.deliveries_scheduled,
    next_due_at = excluded.next_due_at, checked_at = excluded.checked_at
  returning missing`

const LIST_MISSING = `
  ${PLACED}
  select id, application_id, created_at, log_topic, log_partition, log_offset, coalesce(deliveries, 0) as deliveries, matched
  from placed
  where place = 'missing'
  order by created_at, id
  limit ${limits.CONSERVATION_FINDINGS_MAX}`

const LIST_UNBURIED = `
  select ${SUSPECT_COLUMNS}
  from posthorn.deliveries d
  where d.created_at >= $1 and d.created_at < $2 and d.state = 'dead' and d.finished_at > $3
    and not exists (select from posthorn.dead_letters where identity = d.id || '/' || d.round)
  order by d.created_at, d.id
  limit ${limits.CONSERVATION_FINDINGS_MAX}`

/** More may be known than are counted: an attempt that was made although its delivery had been settled. */
const LIST_HOLES = `
  select ${SUSPECT_COLUMNS}, coalesce(a.known, 0) as known
  from posthorn.deliveries d
  left join (
    select delivery_id, count(*) as known, max(number) as highest
    from posthorn.attempts
    where delivery_created_at >= $1 and delivery_created_at < $2
    group by delivery_id
  ) a on a.delivery_id = d.id
  where d.created_at >= $1 and d.created_at < $2 and (d.attempt_count > coalesce(a.known, 0) or a.highest > a.known)
  order by d.created_at, d.id
  limit ${limits.CONSERVATION_FINDINGS_MAX}`
