import { isId, limits } from "@posthorn/core"
import type { Tenancy } from "../status-store.ts"
import { storable } from "./column.ts"
import type { Session } from "./database.ts"
import { conjunction, when, withinTenancy, type Condition } from "./page.ts"

/** Columns that say which delivery, if any, and which event a row is about. */
interface Columns {
  readonly delivery?: string
  readonly event: string
}

/**
 * What a list is narrowed to by a text that somebody was given: the id of a delivery, which is taken for nothing else; otherwise the id of an event,
 * or what its sender called it. Nothing when the text is empty.
 */
export async function searchCondition(
  session: Session,
  { tenancy, search: asked }: { readonly tenancy: Tenancy; readonly search: string },
  columns: Columns,
): Promise<Condition | undefined> {
  if (asked === "") return undefined
  const search = storable(asked)
  const isDelivery = isId("delivery", search)
  if (isDelivery && columns.delivery !== undefined) return { sql: `${columns.delivery} =`, value: search }
  const found = isDelivery ? await eventsOfDelivery(session, tenancy, search) : [search, ...(await eventsCalled(session, tenancy, search))]
  return { sql: `${columns.event} = any (`, value: found, end: "::text[])" }
}

async function eventsOfDelivery(session: Session, tenancy: Tenancy, deliveryId: string): Promise<readonly string[]> {
  const { sql, values } = conjunction([when("id =", deliveryId), withinTenancy(tenancy)])
  const rows = await session.run<{ event_id: string }>({ text: `select event_id from posthorn.deliveries where ${sql} limit 1`, values })
  return rows.map(({ event_id }) => event_id)
}

/** Newest first. One application has one event of a name in a day, and forgets names after that. */
async function eventsCalled(session: Session, tenancy: Tenancy, name: string): Promise<readonly string[]> {
  const { sql, values } = conjunction([when("idempotency_key =", name), withinTenancy(tenancy)])
  const text = `
    select id from posthorn.events
    where idempotency_key <> '' and ${sql}
    order by created_at desc
    limit ${limits.SEARCH_EVENTS_MAX}`
  return (await session.run<{ id: string }>({ text, values })).map(({ id }) => id)
}
