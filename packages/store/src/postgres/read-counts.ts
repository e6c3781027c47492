import { create } from "@bufbuild/protobuf"
import { DeliveryCountsSchema, SubscriptionCountsSchema, type DeliveryCounts, type SubscriptionCounts } from "@posthorn/proto"
import type { DeliveryCountQuery, Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { conjunction, when, withinTenancy, type Condition } from "./page.ts"

type CountedState = "scheduled" | "retrying" | "delivered" | "dead" | "cancelled"

/** Of the rows of `delivery_counts`. */
const STEP_MS = 5 * 60 * 1000

/** Those of one subscription are counted one by one; of all others the steps within the span are counted already, and its two ends alone are left. */
export async function countDeliveries(session: Session, tenancy: Tenancy, query: DeliveryCountQuery): Promise<DeliveryCounts> {
  const { subscriptionId, sinceMs, untilMs } = query
  const [firstMs, lastMs] = [Math.ceil(sinceMs / STEP_MS) * STEP_MS, Math.floor(untilMs / STEP_MS) * STEP_MS]
  const parts =
    subscriptionId === undefined && firstMs < lastMs
      ? [
          countsOf(tenancy, { sinceMs: firstMs, untilMs: lastMs }),
          rowsOf(tenancy, { sinceMs, untilMs: firstMs }),
          rowsOf(tenancy, { sinceMs: lastMs, untilMs }),
        ]
      : [rowsOf(tenancy, query)]
  const counts = { scheduled: 0, retrying: 0, delivered: 0, dead: 0, cancelled: 0 }
  // All in one statement: they have to be of the same moment.
  const { text, values } = union(parts)
  for (const { state, count } of await session.run<{ state: CountedState; count: number }>({ text, values })) counts[state] += count
  return create(DeliveryCountsSchema, counts)
}

interface Part {
  /** Of states and counts, where conditions hold. */
  readonly select: (conditions: string) => string
  readonly conditions: readonly (Condition | undefined)[]
}

type Span = Omit<DeliveryCountQuery, "subscriptionId">

const countsOf = (tenancy: Tenancy, { sinceMs, untilMs }: Span): Part => ({
  select: (conditions) => `select state, sum(count)::bigint as count from posthorn.delivery_counts where ${conditions} group by state`,
  conditions: [
    withinTenancy(tenancy),
    { sql: "created_from >=", value: new Date(sinceMs) },
    { sql: "created_from <", value: new Date(untilMs) },
  ],
})

const rowsOf = (tenancy: Tenancy, { subscriptionId, sinceMs, untilMs }: DeliveryCountQuery): Part => ({
  select: countRows,
  conditions: [
    withinTenancy(tenancy),
    when("subscription_id =", subscriptionId),
    { sql: "created_at >=", value: new Date(sinceMs) },
    { sql: "created_at <", value: new Date(untilMs) },
  ],
})

/** Nearly every delivery is delivered, and no index holds that state: they are what is left of all when the others are taken away. */
const countRows = (conditions: string): string => `
  select state, count(*) as count from posthorn.deliveries where ${conditions} and state <> 'delivered' group by state
  union all
  select 'delivered', (select count(*) from posthorn.deliveries where ${conditions})
    - (select count(*) from posthorn.deliveries where ${conditions} and state <> 'delivered')`

function union(parts: readonly Part[]): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const texts = parts.map(({ select, conditions }) => {
    const { sql, values: own } = conjunction(conditions, values.length)
    values.push(...own)
    return select(sql)
  })
  return { text: texts.join(" union all "), values }
}

export async function countSubscriptions(session: Session, tenancy: Tenancy): Promise<SubscriptionCounts> {
  const { sql, values } = conjunction([withinTenancy(tenancy)])
  const text = `select count(*) as total, count(*) filter (where enabled) as active from posthorn.subscriptions where ${sql}`
  const [counts] = await session.run<{ total: number; active: number }>({ text, values })
  return create(SubscriptionCountsSchema, { total: counts?.total ?? 0, active: counts?.active ?? 0 })
}
