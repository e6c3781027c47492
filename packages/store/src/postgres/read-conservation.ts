import { create } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { balanceOf, isRefusal, limits, type FindingKind, type Refusal } from "@posthorn/core"
import {
  ConservationFindingSchema,
  ConservationHourSchema,
  GetConservationResponseSchema,
  LateDeliverySchema,
  LogPositionSchema,
  type ConservationHour,
  type GetConservationRequest,
  type GetConservationResponse,
} from "@posthorn/proto"
import type { ConservationReader } from "../conservation.ts"
import type { Tenancy } from "../tenancy.ts"
import type { Database } from "./database.ts"
import { findingKinds } from "./enum-words.ts"
import { readPage, when, withinTenancy, type Listed } from "./page.ts"

interface FoundRow {
  readonly kind: string
  readonly event_id: string
  readonly delivery_id: string
  readonly subscription_id: string
  readonly reason: string
  readonly log_topic: string | null
  readonly log_partition: number | null
  readonly log_offset: number | null
  /** Times in JSON are texts. */
  readonly appended_at: string | null
  readonly found_at: string
}

interface HourRow extends Listed {
  readonly application_id: string
  readonly accepted: number
  readonly unmatched: number
  readonly unrouted: number
  readonly missing: number
  readonly waiting: number
  readonly lost: number
  readonly delivered: number
  readonly dead: number
  readonly cancelled: number
  readonly deliveries_waiting: number
  readonly deliveries_scheduled: number
  readonly next_due_at: Date | null
  readonly checked_at: Date
  readonly settled: boolean
  readonly finding_count: number
  readonly findings: readonly FoundRow[] | null
  readonly late: readonly FoundRow[] | null
}

export function createConservationReader(database: Database): ConservationReader {
  return {
    getConservation: (tenancy, request) => getConservation(database, tenancy, request),
    async conservationSummary() {
      const [check] = await database.run<{ checked_at: Date | null }>({ name: "conservation-check", text: CHECK, values: [] })
      const rows = await database.run<{ kind: FindingKind; count: number }>({ name: "conservation-kinds", text: COUNT_KINDS, values: [] })
      return { checkedAtMs: check?.checked_at?.getTime(), findings: new Map(rows.map(({ kind, count }) => [kind, count])) }
    },
  }
}

async function getConservation(
  database: Database,
  tenancy: Tenancy,
  request: GetConservationRequest,
): Promise<GetConservationResponse | Refusal> {
  const page = await readPage<HourRow>(database, {
    select: SELECT,
    idColumn: "application_id",
    conditions: [
      withinTenancy(tenancy),
      when("created_at >=", request.since),
      when("created_at <", request.until),
      request.onlyFindings ? { sql: "finding_count >", value: 0 } : undefined,
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  const [check] = await database.run<{ checked_at: Date | null }>({ name: "conservation-check", text: CHECK, values: [] })
  return create(GetConservationResponseSchema, {
    hours: page.rows.map(hourOf),
    nextPageToken: page.nextPageToken,
    ...(check?.checked_at ? { checkedAt: timestampFromDate(check.checked_at) } : {}),
  })
}

function hourOf(row: HourRow): ConservationHour {
  const balance = balanceOf(row)
  return create(ConservationHourSchema, {
    applicationId: row.application_id,
    hour: timestampFromDate(row.created_at),
    accepted: BigInt(balance.accepted),
    finished: BigInt(balance.finished),
    onTheirWay: BigInt(balance.onTheirWay),
    unmatched: BigInt(balance.unmatched),
    notRoutedYet: BigInt(balance.notRoutedYet),
    missing: BigInt(balance.missing),
    deliveries: {
      delivered: BigInt(row.delivered),
      dead: BigInt(row.dead),
      cancelled: BigInt(row.cancelled),
      waiting: BigInt(row.deliveries_waiting),
      scheduled: BigInt(row.deliveries_scheduled),
    },
    ...(row.next_due_at === null ? {} : { nextDueAt: timestampFromDate(row.next_due_at) }),
    settled: row.settled,
    checkedAt: timestampFromDate(row.checked_at),
    findings: (row.findings ?? []).map((found) =>
      create(ConservationFindingSchema, {
        kind: findingKinds.value(found.kind),
        ...factsOf(found),
        ...positionOf(found, "lastRecord"),
        foundAt: timestampFromDate(new Date(found.found_at)),
      }),
    ),
    findingCount: BigInt(row.finding_count),
    late: (row.late ?? []).map((found) => create(LateDeliverySchema, { ...factsOf(found), ...positionOf(found, "position") })),
  })
}

const factsOf = ({ event_id: eventId, delivery_id: deliveryId, subscription_id: subscriptionId, reason }: FoundRow) => ({
  eventId,
  deliveryId,
  subscriptionId,
  reason,
})

function positionOf<Name extends string>(found: FoundRow, name: Name) {
  const { log_topic: topic, log_partition: partition, log_offset: offset, appended_at: appendedAt } = found
  if (topic === null || partition === null || offset === null) return {}
  const position = create(LogPositionSchema, {
    topic,
    partition,
    offset: BigInt(offset),
    ...(appendedAt === null ? {} : { appendedAt: timestampFromDate(new Date(appendedAt)) }),
  })
  return { [name]: position } as Record<Name, typeof position>
}

/** What is shown of what was found in an hour of an application. */
const shown = (condition: string): string => `
  (select json_agg(f) from (
    select kind, event_id, delivery_id, subscription_id, reason, log_topic, log_partition, log_offset, appended_at, found_at
    from posthorn.conservation_findings
    where hour = c.hour and application_id = c.application_id and ${condition}
    order by kind, event_id, delivery_id
    limit ${limits.CONSERVATION_SHOWN_MAX}
  ) f)`

/** An event of which a delivery is lost, and that is not counted as missing for another reason. */
const SELECT = `
  select * from (
    select c.hour as created_at, c.*, h.state in ('settled', 'let_go') as settled,
      (select count(*) from posthorn.conservation_findings where hour = c.hour and application_id = c.application_id and kind <> 'late') as finding_count,
      (select count(distinct event_id) from posthorn.conservation_findings
        where hour = c.hour and application_id = c.application_id and kind = 'try_lost' and event_id not in (
          select event_id from posthorn.conservation_findings
          where hour = c.hour and application_id = c.application_id and kind in ('not_routed', 'delivery_missing'))) as lost,
      ${shown("kind <> 'late'")} as findings,
      ${shown("kind = 'late'")} as late
    from posthorn.conservation c
    join posthorn.conservation_hours h on h.hour = c.hour
  ) hours`

const CHECK = "select checked_at from posthorn.conservation_check"
const COUNT_KINDS = "select kind, count(*) as count from posthorn.conservation_findings where kind <> 'late' group by kind"
