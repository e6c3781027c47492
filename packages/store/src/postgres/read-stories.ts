import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import { deadLetterIdentity, limits, type DeadLetterStanding } from "@posthorn/core"
import type { Attempt, Delivery } from "@posthorn/proto"
import type { DeliveryFate } from "../status-store.ts"
import { textColumn, timeColumn } from "./column.ts"
import type { Session } from "./database.ts"
import { deadLetterStates } from "./enum-words.ts"
import { ATTEMPT_COLUMNS, attemptOf, type AttemptRow } from "./read-deliveries.ts"

/** Each of them by its place in the primary key: a few rows, of one day. */
const LAST_ATTEMPTS = `
  select delivery_id, ${ATTEMPT_COLUMNS}, left(response_body, $4) as response_body,
    response_truncated or length(response_body) > $4 as response_truncated
  from unnest($1::timestamptz[], $2::text[]) as asked (made_at, asked_id)
  cross join lateral (
    select * from posthorn.attempts where delivery_created_at = asked.made_at and delivery_id = asked_id order by number desc limit $3
  ) last
  order by delivery_id, number`

/** The last attempts of some deliveries, oldest first, with the beginning of what was answered; those that have none are left out. */
export async function lastAttemptsOf(session: Session, deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, readonly Attempt[]>> {
  if (deliveries.length === 0) return new Map()
  const rows = await session.run<AttemptRow & { readonly delivery_id: string }>({
    name: "last-attempts",
    text: LAST_ATTEMPTS,
    values: [
      timeColumn(deliveries.map(({ createdAt }) => createdAt)),
      textColumn(deliveries.map(({ id }) => id)),
      limits.STORY_ATTEMPTS_MAX,
      limits.STORY_BODY_LENGTH_MAX,
    ],
  })
  const found = new Map<string, Attempt[]>()
  for (const row of rows) {
    const attempts = found.get(row.delivery_id)
    if (attempts) attempts.push(attemptOf(row))
    else found.set(row.delivery_id, [attemptOf(row)])
  }
  return found
}

const DEAD_LETTERS = `
  select delivery_id, state, partition, log_offset, created_at from posthorn.dead_letters where identity = any ($1::text[])`

/** What people ask for about a delivery is no change of the configuration: it has no offset, and little else is found by a delivery's id. */
const RETRIED = `
  select entity_id, max(changed_at) as at
  from unnest($1::text[], $2::integer[]) as asked (id, round)
  join posthorn.audit_log on entity_id = asked.id and version = asked.round and action = 'retried' and config_offset is null
  where changed_at is not null
  group by entity_id`

interface LetterRow {
  readonly delivery_id: string
  readonly state: string
  readonly partition: number
  readonly log_offset: number
  readonly created_at: Date
}

/** What else the views know of the rounds that some deliveries are in. */
export async function fatesOf(session: Session, deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, DeliveryFate>> {
  if (deliveries.length === 0) return new Map()
  const identities = deliveries.map(({ id, round }) => deadLetterIdentity(id, round))
  const [letters, retried] = await Promise.all([
    session.run<LetterRow>({ name: "dead-letters-of-rounds", text: DEAD_LETTERS, values: [textColumn(identities)] }),
    session.run<{ entity_id: string; at: Date }>({
      name: "retried-rounds",
      text: RETRIED,
      values: [deliveries.map(({ id }) => id), deliveries.map(({ round }) => round)],
    }),
  ])
  const letterOf = new Map(letters.map((row) => [row.delivery_id, standingOf(row)]))
  const retriedAt = new Map<string, Timestamp>(retried.map(({ entity_id, at }) => [entity_id, timestampFromDate(at)]))
  return new Map(deliveries.map(({ id }) => [id, { deadLetter: letterOf.get(id), retriedAt: retriedAt.get(id) }]))
}

const standingOf = ({ state, partition, log_offset, created_at }: LetterRow): DeadLetterStanding => ({
  state: deadLetterStates.value(state),
  position: `dead-letters/${partition}/${log_offset}`,
  diedAt: timestampFromDate(created_at),
})
