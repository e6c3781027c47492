import { create } from "@bufbuild/protobuf"
import { isRefusal, limits } from "@posthorn/core"
import { ExportAuditLogResponseSchema, ListAuditLogRequestSchema, type AuditService } from "@posthorn/proto"
import type { FeedHandler } from "../../call.ts"
import { exported } from "../exported.ts"
import type { RpcContext } from "../rpc-context.ts"
import { listAuditLog } from "./list-audit-log.ts"

export const exportAuditLog = (context: RpcContext): FeedHandler<typeof AuditService.method.exportAuditLog> => {
  const list = listAuditLog(context)
  return async (request, call) =>
    exported({
      pageToken: request.pageToken,
      read: async (pageToken) => {
        const page = await list(
          { ...request, $typeName: ListAuditLogRequestSchema.typeName, pageToken, pageSize: limits.PAGE_SIZE_MAX },
          call,
        )
        return isRefusal(page) ? page : { rows: page.entries, nextPageToken: page.nextPageToken }
      },
      messageOf: (entry, pageToken) => create(ExportAuditLogResponseSchema, { pageToken, entry }),
      signal: call.signal,
    })
}
