import { create, type JsonObject } from "@bufbuild/protobuf"
import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import { isRefusal, type Refusal } from "@posthorn/core"
import {
  AuditEntrySchema,
  ListAuditLogResponseSchema,
  type AuditEntry,
  type ListAuditLogRequest,
  type ListAuditLogResponse,
} from "@posthorn/proto"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { auditOutcomes } from "./enum-words.ts"
import { readPage, when, withinTenancy, type Listed } from "./page.ts"

interface AuditLogRow extends Listed {
  readonly identity: string
  readonly kind: string
  readonly entity_id: string
  readonly application_id: string
  readonly action: string
  readonly version: number
  readonly actor: string
  readonly request_id: string
  readonly outcome: string
  readonly before: JsonObject | null
  readonly after: JsonObject | null
  readonly method: string
  readonly code: string
  readonly remote_address: string
  readonly left_out: number
}

/** What an entity was before a change is what the change before made of it; one that is made anew was nothing, whatever had its id. Without a time it is none of ours. */
const SELECT = `
  select * from (
    select changed_at as created_at, identity, kind, entity_id, application_id, action, version, actor, request_id, outcome, after, method, code,
      remote_address, left_out,
      case when action in ('updated', 'deleted') then (
        select earlier.after from posthorn.audit_log earlier
        where earlier.entity_id = audit_log.entity_id and earlier.config_offset < audit_log.config_offset
        order by earlier.config_offset desc limit 1
      ) end as before
    from posthorn.audit_log
    where changed_at is not null
  ) entries`

export async function listAuditLog(
  session: Session,
  tenancy: Tenancy,
  request: ListAuditLogRequest,
): Promise<ListAuditLogResponse | Refusal> {
  const page = await readPage<AuditLogRow>(session, {
    select: SELECT,
    idColumn: "identity",
    conditions: [
      withinTenancy(tenancy),
      when("actor =", request.actor),
      when("kind =", request.kind),
      when("entity_id =", request.entityId),
      when("action =", request.action),
      when("request_id =", request.requestId),
      when("outcome =", request.outcome === 0 ? "" : auditOutcomes.word(request.outcome)),
      when("created_at >=", request.since),
      when("created_at <", request.until),
    ],
    pageSize: request.pageSize,
    pageToken: request.pageToken,
  })
  if (isRefusal(page)) return page
  return create(ListAuditLogResponseSchema, { entries: page.rows.map(entryOf), nextPageToken: page.nextPageToken })
}

function entryOf(row: AuditLogRow): AuditEntry {
  return create(AuditEntrySchema, {
    id: row.identity,
    createdAt: timestampFromDate(row.created_at),
    applicationId: row.application_id,
    outcome: auditOutcomes.value(row.outcome),
    actor: row.actor,
    action: row.action,
    kind: row.kind,
    entityId: row.entity_id,
    version: BigInt(row.version),
    requestId: row.request_id,
    method: row.method,
    code: row.code,
    remoteAddress: row.remote_address,
    leftOut: BigInt(row.left_out),
    ...(row.before === null ? {} : { before: row.before }),
    ...(row.after === null ? {} : { after: row.after }),
  })
}
