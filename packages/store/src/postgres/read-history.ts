import type { JsonObject } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import type { HistoryQuery, SubscriptionHistory, SubscriptionSettings } from "../status-store.ts"
import { textColumn } from "./column.ts"
import type { Session } from "./database.ts"

interface ChangeRow {
  readonly entity_id: string
  readonly config_offset: number
  readonly action: string
  /** What of it decides about events; null when the entity was deleted, or the audit log does not have it. */
  readonly settings: {
    readonly enabled: boolean | null
    readonly eventTypes: string[] | null
    readonly filter: JsonObject | null
    readonly url: string | null
  } | null
}

const CHANGE = `
  entity_id, config_offset, action,
  case when after is not null and not after ? 'omitted' then
    jsonb_build_object('enabled', after -> 'enabled', 'eventTypes', after -> 'eventTypes', 'filter', after -> 'filter', 'url', after -> 'url')
  end as settings`

/** Of each the last change before the position, and the first ones from there on: by index, whatever else was changed since. */
const CHANGES = `
  select changes.*
  from unnest($1::text[]) as asked (id)
  cross join lateral (
    (select ${CHANGE} from posthorn.audit_log where entity_id = asked.id and config_offset < $3 and application_id = $2
      order by config_offset desc limit 1)
    union all
    (select ${CHANGE} from posthorn.audit_log where entity_id = asked.id and config_offset >= $3 and application_id = $2
      order by config_offset limit $4)
  ) changes
  order by config_offset`

/** As they went: what went first had been there the longest. */
const DELETED = `
  select entity_id, changed_at
  from posthorn.audit_log
  where kind = 'subscription' and action = 'deleted' and application_id = $1 and config_offset >= $2
  order by config_offset
  limit $3`

/** What subscriptions of an application were when an event of it was routed, with those that have gone since. */
export async function historyOf(
  session: Session,
  query: HistoryQuery,
): Promise<{ histories: SubscriptionHistory[]; more: boolean } | undefined> {
  const { applicationId, eventId, changedSince } = query
  const position = await positionOf(session, applicationId, eventId)
  if (position === 0) return undefined
  const deleted = await session.run<{ entity_id: string; changed_at: Date | null }>({
    name: "subscriptions-deleted-since",
    text: DELETED,
    values: [applicationId, position, limits.HISTORY_SUBSCRIPTIONS_MAX + 1],
  })
  const wanted = [...new Set([...changedSince, ...deleted.map(({ entity_id }) => entity_id)])]
  const ids = wanted.slice(0, limits.HISTORY_SUBSCRIPTIONS_MAX)
  if (ids.length === 0) return { histories: [], more: false }
  const rows = await session.run<ChangeRow>({
    name: "subscription-changes",
    text: CHANGES,
    values: [textColumn(ids), applicationId, position, limits.HISTORY_CHANGES_MAX],
  })
  const changes = new Map<string, ChangeRow[]>(ids.map((id) => [id, []]))
  for (const row of rows) changes.get(row.entity_id)?.push(row)
  const deletedAt = new Map(deleted.map(({ entity_id, changed_at }) => [entity_id, changed_at]))
  const histories = [...changes].map(([id, found]): SubscriptionHistory => {
    const at = deletedAt.get(id)
    return { subscriptionId: id, ...statesOf(found, position), deletedAt: at ? timestampFromDate(at) : undefined }
  })
  return { histories, more: wanted.length > ids.length }
}

const POSITION = `
  select config_position
  from posthorn.events
  where id = $1 and application_id = $2
    and config_position <= (select next_offset from posthorn.projector_offset where topic = 'config' and partition = 0)
  limit 1`

/**
 * How far the gateway that took an event in had read `config`: the router had read as far at least. 0 = not known, or the audit log does not reach there
 * yet.
 */
async function positionOf(session: Session, applicationId: string, eventId: string): Promise<number> {
  const [row] = await session.run<{ config_position: number }>({
    name: "config-position-of-event",
    text: POSITION,
    values: [eventId, applicationId],
  })
  return row?.config_position ?? 0
}

function statesOf(changes: readonly ChangeRow[], position: number): Pick<SubscriptionHistory, "was" | "became"> {
  const before = changes.find(({ config_offset }) => config_offset < position)
  const later = changes.filter(({ config_offset }) => config_offset >= position)
  // Without a change before, it was made later; unless even that is not known.
  const was = before === undefined ? (later[0]?.action === "created" ? "not there" : "not known") : settingsOf(before)
  return { was, became: later.map(settingsOf) }
}

function settingsOf({ action, settings }: ChangeRow): SubscriptionSettings | "not there" | "not known" {
  if (action === "deleted") return "not there"
  if (settings === null) return "not known"
  const { enabled, eventTypes, filter, url } = settings
  return { enabled: enabled ?? true, eventTypes: eventTypes ?? [], filter: filter ?? undefined, url: url ?? "" }
}
