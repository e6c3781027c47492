import type { AuditRow } from "@posthorn/core"
import { bigintColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"

const INSERT = `
  insert into posthorn.audit_log (
    identity, config_offset, change_id, kind, entity_id, application_id, action, version, actor, request_id, changed_at)
  select * from unnest(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[])
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
      textColumn(rows.map(({ kind }) => kind)),
      textColumn(rows.map(({ entityId }) => entityId)),
      textColumn(rows.map(({ applicationId }) => applicationId)),
      textColumn(rows.map(({ action }) => action)),
      bigintColumn(rows.map(({ version }) => version)),
      textColumn(rows.map(({ actor }) => actor?.id ?? "")),
      textColumn(rows.map(({ actor }) => actor?.requestId ?? "")),
      timeColumn(rows.map(({ changedAt }) => changedAt)),
    ],
  }
}
