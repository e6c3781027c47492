import { create } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { SubscriptionHealthSchema, type SubscriptionHealth } from "@posthorn/proto"
import type { QueryResultRow } from "pg"
import { textColumn } from "./column.ts"
import type { Session } from "./database.ts"
import { breakerStates } from "./enum-words.ts"

interface HealthRow extends QueryResultRow {
  readonly subscription_id: string
  readonly state: string
  readonly reason: string
  readonly since: Date | null
  readonly next_probe_at: Date | null
  readonly consecutive_failures: number
  readonly throttled_until: Date | null
}

const SELECT = `
  select subscription_id, state, reason, since, next_probe_at, consecutive_failures, throttled_until
  from posthorn.subscription_health
  where subscription_id = any($1::text[])`

export async function healthOf(session: Session, subscriptionIds: readonly string[]): Promise<ReadonlyMap<string, SubscriptionHealth>> {
  if (subscriptionIds.length === 0) return new Map()
  const rows = await session.run<HealthRow>({ name: "subscription-health", text: SELECT, values: [textColumn(subscriptionIds)] })
  return new Map(rows.map((row) => [row.subscription_id, healthFrom(row)]))
}

const healthFrom = (row: HealthRow): SubscriptionHealth =>
  create(SubscriptionHealthSchema, {
    state: breakerStates.value(row.state),
    reason: row.reason,
    consecutiveFailures: row.consecutive_failures,
    ...(row.since === null ? {} : { since: timestampFromDate(row.since) }),
    ...(row.throttled_until === null ? {} : { throttledUntil: timestampFromDate(row.throttled_until) }),
    ...(row.next_probe_at === null ? {} : { nextProbeAt: timestampFromDate(row.next_probe_at) }),
  })
