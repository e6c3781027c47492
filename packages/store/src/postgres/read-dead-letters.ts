import { create } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { isRefusal, type Refusal } from "@posthorn/core"
import { DeadLetterSchema, DeadLetterState, ListDeadLettersResponseSchema } from "@posthorn/proto"
import type { DeadLetter, DeadLetterFilter, ListDeadLettersRequest, ListDeadLettersResponse } from "@posthorn/proto"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { deadLetterReasons, deadLetterStates, errorClasses } from "./enum-words.ts"
import { readPage, when, withinTenancy, type Condition, type Listed } from "./page.ts"
import { searchCondition } from "./search.ts"

interface DeadLetterRow extends Listed {
  readonly identity: string
  readonly partition: number
  readonly log_offset: number
  readonly delivery_id: string
  readonly application_id: string
  readonly event_id: string
  readonly subscription_id: string
  readonly event_type: string
  readonly reason: string
  readonly error: string
  readonly error_class: string
  readonly status_code: number
  readonly attempt_count: number
  readonly round: number
  readonly state: string
  readonly settled_at: Date | null
  readonly discard_reason: string
  readonly task_id: string
}

const SELECT = `
  select identity, partition, log_offset, delivery_id, application_id, event_id, subscription_id, event_type, reason, error, error_class, status_code, attempt_count,
    round, state, settled_at, discard_reason, task_id, created_at
  from posthorn.dead_letters`

export async function listDeadLetters(
  session: Session,
  tenancy: Tenancy,
  request: ListDeadLettersRequest,
): Promise<ListDeadLettersResponse | Refusal> {
  const page = await readPage<DeadLetterRow>(session, {
    select: SELECT,
    idColumn: "identity",
    conditions: [
      withinTenancy(tenancy),
      when("state =", deadLetterStates.word(request.state || DeadLetterState.OPEN)),
      ...deadLetterConditions(request),
      await searchCondition(session, { tenancy, search: request.search }, { delivery: "delivery_id", event: "event_id" }),
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  return create(ListDeadLettersResponseSchema, { deadLetters: page.rows.map(deadLetterOf), nextPageToken: page.nextPageToken })
}

/** What lists and tasks filter by. */
export const deadLetterConditions = (filter: Omit<DeadLetterFilter, "$typeName">): readonly (Condition | undefined)[] => [
  when("application_id =", filter.applicationId),
  when("subscription_id =", filter.subscriptionId),
  when("event_id =", filter.eventId),
  when("delivery_id =", filter.deliveryId),
  when("event_type =", filter.type),
  when("reason =", filter.reason === 0 ? "" : deadLetterReasons.word(filter.reason)),
  when("status_code =", filter.statusCode),
  when("error_class =", filter.errorClass === 0 ? "" : errorClasses.word(filter.errorClass)),
  when("created_at >=", filter.since),
  when("created_at <", filter.until),
]

function deadLetterOf(row: DeadLetterRow): DeadLetter {
  return create(DeadLetterSchema, {
    deliveryId: row.delivery_id,
    applicationId: row.application_id,
    eventId: row.event_id,
    subscriptionId: row.subscription_id,
    eventType: row.event_type,
    reason: deadLetterReasons.value(row.reason),
    error: row.error,
    errorClass: errorClasses.value(row.error_class),
    statusCode: row.status_code,
    attemptCount: row.attempt_count,
    createdAt: timestampFromDate(row.created_at),
    position: `dead-letters/${row.partition}/${row.log_offset}`,
    round: row.round,
    state: deadLetterStates.value(row.state),
    discardReason: row.discard_reason,
    taskId: row.task_id,
    ...(row.settled_at === null ? {} : { settledAt: timestampFromDate(row.settled_at) }),
  })
}
