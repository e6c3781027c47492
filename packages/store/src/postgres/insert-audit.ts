import type { AuditRow } from "@posthorn/core"
import { AuditOutcome } from "@posthorn/proto"
import { bigintColumn, jsonColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { auditOutcomes } from "./enum-words.ts"

const INSERT = `
  insert into posthorn.audit_log (
    identity, config_offset, change_id, kind, entity_id, application_id, action, version, actor, request_id, changed_at,
    after, command, outcome, method, code, remote_address, left_out)
  select
    identity, config_offset, change_id, kind, entity_id, application_id, action, version, actor, request_id, changed_at,
    after::jsonb, command, outcome, method, code, remote_address, left_out
  from unnest(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[],
    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bigint[])
  as row (
    identity, config_offset, change_id, kind, entity_id, application_id, action, version, actor, request_id, changed_at,
    after, command, outcome, method, code, remote_address, left_out)
  on conflict (identity) do nothing`

export function insertAudit(rows: readonly AuditRow[]): Statement | undefined {
  if (rows.length === 0) return undefined
  return {
    name: "audit-log-insert",
    text: INSERT,
    values: [
      textColumn(rows.map(({ identity }) => identity)),
      bigintColumn(rows.map(({ configOffset }) => configOffset)),
      textColumn(rows.map(({ changeId }) => changeId)),
      textColumn(rows.map(({ kind }) => kind.replace(" ", "_"))),
      textColumn(rows.map(({ entityId }) => entityId)),
      textColumn(rows.map(({ applicationId }) => applicationId)),
      textColumn(rows.map(({ action }) => action)),
      bigintColumn(rows.map(({ version }) => version)),
      textColumn(rows.map(({ actor }) => actor?.id ?? "")),
      textColumn(rows.map(({ actor }) => actor?.requestId ?? "")),
      timeColumn(rows.map(({ changedAt }) => changedAt)),
      jsonColumn(rows.map(({ after }) => after)),
      textColumn(rows.map(({ command = "" }) => command)),
      textColumn(rows.map(({ refused }) => auditOutcomes.word(refused ? AuditOutcome.REFUSED : AuditOutcome.DONE))),
      textColumn(rows.map(({ refused }) => refused?.method ?? "")),
      textColumn(rows.map(({ refused }) => refused?.code ?? "")),
      textColumn(rows.map(({ refused }) => refused?.remoteAddress ?? "")),
      bigintColumn(rows.map(({ refused }) => refused?.leftOut ?? 0)),
    ],
  }
}
