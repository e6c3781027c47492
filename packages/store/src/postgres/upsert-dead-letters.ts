import type { DeadLetterRow } from "@posthorn/core"
import type { DeadLetterRecord, DeliveryDue } from "@posthorn/proto"
import { bigintColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { deadLetterReasons } from "./enum-words.ts"

/** A copy that is there already stays: it was first. */
const UPSERT = `
  insert into posthorn.dead_letters (
    identity, partition, log_offset, delivery_id, application_id, event_id, subscription_id, event_type, reason, error, status_code, attempt_count, created_at)
  select * from unnest(
    $1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::integer[], $12::integer[], $13::timestamptz[])
  on conflict (identity) do nothing`

const dueOf = ({ content }: DeadLetterRecord): DeliveryDue | undefined => (content.case === "delivery" ? content.value : undefined)

export function upsertDeadLetters(rows: readonly DeadLetterRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  const dues = rows.map(({ letter }) => dueOf(letter))
  return {
    name: "dead-letters-upsert",
    text: UPSERT,
    values: [
      textColumn(rows.map(({ identity }) => identity)),
      integerColumn(rows.map(({ partition }) => partition)),
      bigintColumn(rows.map(({ offset }) => offset)),
      textColumn(dues.map((due) => due?.deliveryId ?? "")),
      textColumn(dues.map((due) => due?.event?.applicationId ?? "")),
      textColumn(dues.map((due) => due?.event?.eventId ?? "")),
      textColumn(dues.map((due) => due?.subscriptionId ?? "")),
      textColumn(dues.map((due) => due?.event?.type ?? "")),
      textColumn(rows.map(({ letter }) => deadLetterReasons.word(letter.reason))),
      textColumn(rows.map(({ letter }) => letter.error)),
      integerColumn(rows.map(({ letter }) => letter.statusCode)),
      integerColumn(dues.map((due) => due?.attempt ?? 0)),
      timeColumn(rows.map(({ letter }) => letter.deadAt)),
    ],
  }
}
