import type { HealthRow } from "@posthorn/core"
import { bigintColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { breakerStates } from "./enum-words.ts"

/** The newest record counts; the records of one subscription are in one partition. */
const UPSERT = `
  insert into posthorn.subscription_health as held (
    subscription_id, application_id, state, reason, since, next_probe_at, consecutive_failures, log_offset, throttled_until)
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::integer[], $8::bigint[], $9::timestamptz[])
  on conflict (subscription_id) do update set
    state = excluded.state, reason = excluded.reason, since = excluded.since, next_probe_at = excluded.next_probe_at,
    consecutive_failures = excluded.consecutive_failures, log_offset = excluded.log_offset,
    throttled_until = excluded.throttled_until
  where excluded.log_offset > held.log_offset`

export function upsertHealth(rows: readonly HealthRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  return {
    name: "subscription-health-upsert",
    text: UPSERT,
    values: [
      textColumn(rows.map(({ subscriptionId }) => subscriptionId)),
      textColumn(rows.map(({ applicationId }) => applicationId)),
      textColumn(rows.map(({ health }) => breakerStates.word(health.state))),
      textColumn(rows.map(({ health }) => health.reason)),
      timeColumn(rows.map(({ health }) => health.since)),
      timeColumn(rows.map(({ health }) => health.nextProbeAt)),
      integerColumn(rows.map(({ health }) => health.consecutiveFailures)),
      bigintColumn(rows.map(({ offset }) => offset)),
      timeColumn(rows.map(({ health }) => health.throttledUntil)),
    ],
  }
}
