import { limits } from "@posthorn/core"
import type { ConservationBooks } from "../conservation.ts"
import { closeLook, closeSearch, overdue, unmoved } from "./conservation-findings.ts"
import { lookAt, openHours, projected } from "./conservation-hours.ts"
import type { Database } from "./database.ts"

export function createConservationBooks(database: Database): ConservationBooks {
  return {
    projected: () => projected(database),
    openHours: (options) => openHours(database, options),
    lookAt: (query) => lookAt(database, query),
    closeLook: (hourMs, findings, nowMs) => closeLook(database, { hourMs, findings, nowMs }),
    overdue: (query) => overdue(database, query),
    unmoved: (suspects) => unmoved(database, suspects),
    closeSearch: (lost, late, nowMs) => closeSearch(database, { lost, late, nowMs }),
    async closeCheck(nowMs) {
      await database.run({ name: "conservation-waiting", text: COUNT_WAITING, values: [new Date(nowMs)] })
      await database.run({ name: "conservation-move-hours", text: MOVE_HOURS, values: [] })
      await database.run({ name: "conservation-forget-moved", text: FORGET_MOVED, values: [] })
      const before = new Date(nowMs - limits.CONSERVATION_KEPT_MS)
      for (const text of FORGET_OLD) await database.run({ text, values: [before] })
      await database.run({ name: "conservation-checked", text: CHECKED, values: [new Date(nowMs)] })
    },
  }
}

/** What waits is few against what does not, and has an index of its own. */
const COUNT_WAITING = `
  with waiting as (
    select application_id, date_trunc('hour', created_at, 'UTC') as hour, count(*) as deliveries, count(distinct event_id) as events,
      count(*) filter (where state = 'scheduled' and attempt_count = 0 and next_attempt_at > $1) as scheduled, min(next_attempt_at) as next_due_at
    from posthorn.deliveries
    where state in ('scheduled', 'retrying')
    group by 1, 2
  )
  update posthorn.conservation c
  set waiting = least(coalesce(w.events, 0), c.accepted - c.unmatched - c.unrouted - c.missing),
    deliveries_waiting = coalesce(w.deliveries, 0), deliveries_scheduled = coalesce(w.scheduled, 0), next_due_at = w.next_due_at
  from posthorn.conservation held
  left join waiting w on w.hour = held.hour and w.application_id = held.application_id
  where c.hour = held.hour and c.application_id = held.application_id and (held.deliveries_waiting > 0 or w.deliveries > 0)`

/** An hour in which nothing waits any more is looked at for a last time; one in which something waits again is not settled. */
const MOVE_HOURS = `
  update posthorn.conservation_hours h
  set state = case when sums.waiting > 0 then 'waiting' else 'open' end
  from (select hour, sum(deliveries_waiting) as waiting from posthorn.conservation group by hour) sums
  where sums.hour = h.hour and (h.state = 'settled' and sums.waiting > 0 or h.state = 'waiting' and sums.waiting = 0)`

const FORGET_MOVED = `
  delete from posthorn.conservation_findings f
  where kind in ('try_lost', 'late') and not exists (select from posthorn.deliveries d where d.id = f.delivery_id and d.sequence = f.sequence)`

const FORGET_OLD = [
  "delete from posthorn.conservation where hour < $1",
  "delete from posthorn.conservation_findings where hour < $1",
  "delete from posthorn.conservation_hours where hour < $1",
  "delete from posthorn.unmatched_events where created_at < $1",
]

const CHECKED = "update posthorn.conservation_check set checked_at = $1"
