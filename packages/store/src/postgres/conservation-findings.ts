import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { limits, type Finding, type FindingKind, type LateDelivery, type SuspectDelivery, type Topic } from "@posthorn/core"
import type { ConservationBooks, Late, NewFinding } from "../conservation.ts"
import { bigintColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import { HOUR_MS, SUSPECT_COLUMNS, suspectOf, type DeliveryRow } from "./conservation-hours.ts"
import type { Database, Session } from "./database.ts"

export async function closeLook(
  database: Database,
  { hourMs, findings, nowMs }: { readonly hourMs: number; readonly findings: readonly NewFinding[]; readonly nowMs: number },
): Promise<readonly Finding[]> {
  const hour = new Date(hourMs)
  const written = await database.transaction(async (session) => {
    // First: who changes the hour meanwhile waits here, or has said so.
    const closed = await session.count({
      name: "conservation-close-look",
      text: CLOSE_LOOK,
      values: [hour, findings.length > 0, new Date(nowMs)],
    })
    // What was let go while it was looked at is missing for no other reason.
    if (closed === 0) return undefined
    const names = textColumn(findings.map(({ finding }) => nameOf(finding)))
    await session.run({ name: "conservation-forget-hour", text: FORGET_HOUR, values: [hour, names] })
    return writeFindings(session, findings.map(rowOf), nowMs)
  })
  return newOf(findings, written)
}

export async function closeSearch(
  database: Database,
  { lost, late, nowMs }: { readonly lost: readonly NewFinding[]; readonly late: readonly Late[]; readonly nowMs: number },
): Promise<readonly Finding[]> {
  const rows = [...lost.map(rowOf), ...late.map(lateRowOf)]
  if (rows.length === 0) return []
  const written = await database.transaction(async (session) => {
    const values = [textColumn(rows.map(({ kind }) => kind)), textColumn(rows.map(({ about }) => about.deliveryId))]
    await session.run({ name: "conservation-forget-tries", text: FORGET_TRIES, values })
    return writeFindings(session, rows, nowMs)
  })
  return newOf(lost, written)
}

export const overdue = async (
  database: Database,
  { dueBeforeMs, nowMs, after }: Parameters<ConservationBooks["overdue"]>[0],
): Promise<readonly SuspectDelivery[]> => {
  const rows = await database.run<DeliveryRow>({
    name: "conservation-overdue",
    text: OVERDUE,
    values: [
      new Date(dueBeforeMs),
      new Date(nowMs - limits.RETRY_SPAN_MS),
      new Date(after?.dueAtMs ?? 0),
      after?.deliveryId ?? "",
      limits.CONSERVATION_SUSPECTS_MAX,
    ],
  })
  return rows.map(suspectOf)
}

export async function unmoved(database: Database, suspects: readonly SuspectDelivery[]): Promise<readonly SuspectDelivery[]> {
  const values = [textColumn(suspects.map(({ deliveryId }) => deliveryId)), bigintColumn(suspects.map(({ sequence }) => sequence))]
  const rows = await database.run<{ id: string }>({ name: "conservation-unmoved", text: UNMOVED, values })
  const ids = new Set(rows.map(({ id }) => id))
  return suspects.filter(({ deliveryId }) => ids.has(deliveryId))
}

interface FindingRow {
  readonly kind: FindingKind | "late"
  readonly about: Finding | LateDelivery
  readonly sequence: number | undefined
  readonly appendedAtMs: number | undefined
}

const rowOf = ({ finding, sequence, appendedAtMs }: NewFinding): FindingRow => ({
  kind: finding.kind,
  about: finding,
  sequence,
  appendedAtMs,
})
const lateRowOf = ({ late, sequence }: Late): FindingRow => ({ kind: "late", about: late, sequence, appendedAtMs: undefined })

const nameOf = ({ kind, eventId, deliveryId }: Pick<Finding, "kind" | "eventId" | "deliveryId">): string =>
  `${kind}/${eventId}/${deliveryId}`

const newOf = (findings: readonly NewFinding[], names: ReadonlySet<string> | undefined): readonly Finding[] =>
  findings.flatMap(({ finding }) => (names?.has(nameOf(finding)) ? [finding] : []))

/** Answers the names of those that were not there. */
async function writeFindings(session: Session, rows: readonly FindingRow[], nowMs: number): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set()
  const abouts = rows.map(({ about }) => about)
  const time = (ms: number | undefined) => (ms === undefined ? undefined : timestampFromMs(ms))
  const written = await session.run<{ name: string; fresh: boolean }>({
    name: "conservation-findings-upsert",
    text: UPSERT_FINDINGS,
    values: [
      textColumn(rows.map(({ kind }) => kind)),
      textColumn(abouts.map(({ eventId }) => eventId)),
      textColumn(abouts.map(({ deliveryId }) => deliveryId)),
      textColumn(abouts.map(({ applicationId }) => applicationId)),
      textColumn(abouts.map(({ subscriptionId }) => subscriptionId)),
      timeColumn(abouts.map(({ acceptedAtMs }) => time(Math.floor(acceptedAtMs / HOUR_MS) * HOUR_MS))),
      textColumn(abouts.map(({ reason }) => reason)),
      bigintColumn(rows.map(({ sequence }) => sequence)),
      textColumn(abouts.map(({ place }): Topic | undefined => place?.topic)),
      integerColumn(abouts.map(({ place }) => place?.partition)),
      bigintColumn(abouts.map(({ place }) => place?.offset)),
      timeColumn(rows.map(({ appendedAtMs }) => time(appendedAtMs))),
      timeColumn(rows.map(() => time(nowMs))),
    ],
  })
  return new Set(written.flatMap(({ name, fresh }) => (fresh ? [name] : [])))
}

/** Nothing has changed since the look began: then what is left to come says whether to look again. */
const CLOSE_LOOK = `
  update posthorn.conservation_hours h
  set looking = false, state = case
    when not h.looking or $2::boolean or sums.unrouted > 0 or h.hour + interval '1 hour' > $3::timestamptz then 'open'
    when sums.waiting > 0 then 'waiting'
    else 'settled'
  end
  from (
    select coalesce(sum(unrouted), 0) as unrouted, coalesce(sum(deliveries_waiting), 0) as waiting from posthorn.conservation where hour = $1
  ) sums
  where h.hour = $1 and h.state <> 'let_go'`

/** The search for overdue deliveries has findings of its own. */
const FORGET_HOUR = `
  delete from posthorn.conservation_findings
  where hour = $1 and kind not in ('try_lost', 'late') and kind || '/' || event_id || '/' || delivery_id <> all ($2::text[])`

/** A delivery that is late is not lost, and the other way round. */
const FORGET_TRIES = `
  delete from posthorn.conservation_findings f
  using unnest($1::text[], $2::text[]) as now (kind, delivery_id)
  where f.delivery_id = now.delivery_id and f.kind in ('try_lost', 'late') and f.kind <> now.kind`

const UPSERT_FINDINGS = `
  insert into posthorn.conservation_findings as held (
    kind, event_id, delivery_id, application_id, subscription_id, hour, reason, sequence, log_topic, log_partition, log_offset, appended_at, found_at)
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::bigint[], $9::text[], $10::integer[],
    $11::bigint[], $12::timestamptz[], $13::timestamptz[])
  on conflict (hour, kind, event_id, delivery_id) do update set
    reason = excluded.reason, sequence = excluded.sequence, log_topic = excluded.log_topic, log_partition = excluded.log_partition,
    log_offset = excluded.log_offset, appended_at = excluded.appended_at
  returning kind || '/' || event_id || '/' || delivery_id as name, xmax = 0 as fresh`

/**
 * What waits for a paused subscription is parked; what waits for one whose breaker is open is put off again and again, and no longer than a schedule
 * lasts.
 */
const OVERDUE = `
  select ${SUSPECT_COLUMNS}
  from posthorn.deliveries d
  left join posthorn.subscriptions s on s.id = d.subscription_id
  left join posthorn.subscription_health h on h.subscription_id = d.subscription_id
  where d.state in ('scheduled', 'retrying') and d.next_attempt_at < $1 and (d.next_attempt_at, d.id) > ($3, $4)
    and not coalesce(s.paused and s.enabled, false)
    and (coalesce(h.state, 'closed') = 'closed' or d.next_attempt_at < $2)
  order by d.next_attempt_at, d.id
  limit $5`

const UNMOVED = `
  select d.id
  from unnest($1::text[], $2::bigint[]) as suspect (id, sequence)
  join posthorn.deliveries d on d.id = suspect.id and d.sequence = suspect.sequence`
