import type { DeadLetterRow, SettlementRow } from "@posthorn/core"
import type { DeadLetterRecord, DeliveryDue } from "@posthorn/proto"
import { bigintColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { deadLetterReasons, deadLetterStates, errorClasses } from "./enum-words.ts"

/** The statements that take dead letters in, and what became of them, in the order in which they have to run. Either may come first. */
export function deadLetterStatements(letters: readonly DeadLetterRow[], settlements: readonly SettlementRow[]): readonly Statement[] {
  if (letters.length + settlements.length === 0) return []
  const identities = [...letters, ...settlements].map(({ identity }) => identity)
  return [
    ...(settlements.length === 0 ? [] : [upsertSettlements(settlements)]),
    ...(letters.length === 0 ? [] : [insertLetters(letters)]),
    { name: "dead-letters-settle", text: SETTLE, values: [textColumn(identities)] },
  ]
}

/** The first of a kind counts, and a redrive before a discard: the delivery is on its way again. */
const UPSERT_SETTLEMENTS = `
  insert into posthorn.dead_letter_settlements as held (identity, state, settled_at, settled_by, discard_reason, task_id)
  select identity, state, coalesce(settled_at, now()), settled_by, discard_reason, task_id
  from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
    as row (identity, state, settled_at, settled_by, discard_reason, task_id)
  on conflict (identity) do update set
    state = excluded.state, settled_at = excluded.settled_at, settled_by = excluded.settled_by, discard_reason = excluded.discard_reason,
    task_id = excluded.task_id
  where held.state = 'discarded' and excluded.state = 'redriven'`

function upsertSettlements(rows: readonly SettlementRow[]): Statement {
  return {
    name: "dead-letter-settlements-upsert",
    text: UPSERT_SETTLEMENTS,
    values: [
      textColumn(rows.map(({ identity }) => identity)),
      textColumn(rows.map(({ state }) => deadLetterStates.word(state))),
      timeColumn(rows.map(({ settledAt }) => settledAt)),
      textColumn(rows.map(({ actorId }) => actorId)),
      textColumn(rows.map(({ reason }) => reason)),
      textColumn(rows.map(({ taskId }) => taskId)),
    ],
  }
}

/** A copy that is there already stays: it was first. */
const INSERT_LETTERS = `
  insert into posthorn.dead_letters (
    identity, partition, log_offset, delivery_id, application_id, event_id, subscription_id, event_type, reason, error, status_code, attempt_count, round,
    created_at, error_class)
  select * from unnest(
    $1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::integer[], $12::integer[], $13::integer[], $14::timestamptz[], $15::text[])
  on conflict (identity) do nothing`

const dueOf = ({ content }: DeadLetterRecord): DeliveryDue | undefined => (content.case === "delivery" ? content.value : undefined)

function insertLetters(rows: readonly DeadLetterRow[]): Statement {
  const dues = rows.map(({ letter }) => dueOf(letter))
  return {
    name: "dead-letters-insert",
    text: INSERT_LETTERS,
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
      integerColumn(dues.map((due) => due?.round ?? 0)),
      timeColumn(rows.map(({ letter }) => letter.deadAt)),
      textColumn(rows.map(({ letter }) => errorClasses.word(letter.errorClass))),
    ],
  }
}

/** Brings the two together, whichever of them is new. */
export const SETTLE_ALL = `
  update posthorn.dead_letters letter
  set state = settled.state, settled_at = settled.settled_at, settled_by = settled.settled_by, discard_reason = settled.discard_reason,
    task_id = settled.task_id
  from posthorn.dead_letter_settlements settled
  where letter.identity = settled.identity and letter.state <> settled.state`
const SETTLE = `${SETTLE_ALL} and settled.identity = any($1::text[])`
