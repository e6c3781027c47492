import { create } from "@bufbuild/protobuf"
import { timestampDate } from "@bufbuild/protobuf/wkt"
import { DeadLetterReason, DeliveryFactsSchema, type DeadLetterFilter } from "@posthorn/proto"
import type { DeadLetterQueue, OpenDeadLetter } from "../status-store.ts"
import { textColumn } from "./column.ts"
import type { Database } from "./database.ts"
import { deadLetterReasons } from "./enum-words.ts"
import { conjunction, type Condition } from "./page.ts"
import { deadLetterConditions } from "./read-dead-letters.ts"

interface OpenRow {
  readonly identity: string
  readonly delivery_id: string
  readonly application_id: string
  readonly event_id: string
  readonly subscription_id: string
  readonly event_type: string
  readonly round: number
  readonly partition: number
  readonly log_offset: number
  readonly created_at: Date
}

export function createDeadLetterQueue(database: Database): DeadLetterQueue {
  return {
    async countOpen(filter) {
      const { sql, values } = conjunction(openConditions(filter))
      const [row] = await database.run<{ count: number }>({
        text: `select count(*) as count from posthorn.dead_letters where ${sql}`,
        values,
      })
      return row?.count ?? 0
    },
    async listOpen({ filter, diedBy, after, limit }) {
      const { sql, values } = conjunction([...openConditions(filter), { sql: "created_at <=", value: timestampDate(diedBy) }])
      const behind = after === undefined ? "" : ` and (created_at, identity) > ($${values.length + 1}, $${values.length + 2})`
      const rows = await database.run<OpenRow>({
        text: `${LIST} where ${sql}${behind} order by created_at, identity limit ${limit}`,
        values: [...values, ...(after === undefined ? [] : [new Date(after.diedAtMs), after.identity])],
      })
      return rows.map(openOf)
    },
    async countDone(taskIds) {
      const counted = await database.run<{ task_id: string; count: number }>({
        name: "dead-letters-done",
        text: COUNT_DONE,
        values: [textColumn(taskIds)],
      })
      return new Map(counted.map(({ task_id, count }) => [task_id, count]))
    },
    async projectedTo(topic) {
      const rows = await database.run<{ partition: number; next_offset: number }>({
        name: "projected-to",
        text: "select partition, next_offset from posthorn.projector_offset where topic = $1",
        values: [topic],
      })
      return new Map(rows.map(({ partition, next_offset }) => [partition, next_offset]))
    },
  }
}

const openConditions = (filter: DeadLetterFilter): readonly (Condition | undefined)[] => [
  { sql: "state =", value: "open" },
  { sql: "reason <>", value: deadLetterReasons.word(DeadLetterReason.POISON) },
  ...deadLetterConditions(filter),
]

const LIST = `
  select identity, delivery_id, application_id, event_id, subscription_id, event_type, round, partition, log_offset, created_at
  from posthorn.dead_letters`

const COUNT_DONE = `
  select task_id, count(*) as count
  from posthorn.dead_letters
  where task_id = any($1::text[]) and task_id <> ''
  group by task_id`

function openOf(row: OpenRow): OpenDeadLetter {
  return {
    delivery: create(DeliveryFactsSchema, {
      deliveryId: row.delivery_id,
      applicationId: row.application_id,
      eventId: row.event_id,
      subscriptionId: row.subscription_id,
      eventType: row.event_type,
    }),
    round: row.round,
    partition: row.partition,
    offset: row.log_offset,
    place: { diedAtMs: row.created_at.getTime(), identity: row.identity },
  }
}
