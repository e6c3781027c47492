import { create } from "@bufbuild/protobuf"
import { DeliveryCountsSchema, SubscriptionCountsSchema, type DeliveryCounts, type SubscriptionCounts } from "@posthorn/proto"
import type { DeliveryCountQuery, Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { conjunction, when, withinTenancy } from "./page.ts"

type CountedState = "scheduled" | "retrying" | "delivered" | "dead" | "cancelled"

/**
 * Nearly every delivery is delivered, and no index holds that state: they are what is left of all when the others are taken away, for which
 * two indexes are enough.
 */
export async function countDeliveries(session: Session, tenancy: Tenancy, query: DeliveryCountQuery): Promise<DeliveryCounts> {
  const { sql, values } = conjunction([
    withinTenancy(tenancy),
    when("subscription_id =", query.subscriptionId),
    { sql: "created_at >=", value: new Date(query.sinceMs) },
    { sql: "created_at <", value: new Date(query.untilMs) },
  ])
  const text = `
    with others as (select state, count(*) as count from posthorn.deliveries where ${sql} and state <> 'delivered' group by state)
    select state, count from others
    union all
    select 'delivered', (select count(*) from posthorn.deliveries where ${sql}) - coalesce((select sum(count) from others), 0)::bigint`
  const rows = await session.run<{ state: CountedState; count: number }>({ text, values })
  return create(DeliveryCountsSchema, Object.fromEntries(rows.map(({ state, count }) => [state, count])))
}

export async function countSubscriptions(session: Session, tenancy: Tenancy): Promise<SubscriptionCounts> {
  const { sql, values } = conjunction([withinTenancy(tenancy)])
  const text = `select count(*) as total, count(*) filter (where enabled) as active from posthorn.subscriptions where ${sql}`
  const [counts] = await session.run<{ total: number; active: number }>({ text, values })
  return create(SubscriptionCountsSchema, { total: counts?.total ?? 0, active: counts?.active ?? 0 })
}
