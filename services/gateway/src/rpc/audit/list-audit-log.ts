import { isRefusal } from "@posthorn/core"
import type { AuditService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const listAuditLog =
  ({ config, reader }: RpcContext): Handler<typeof AuditService.method.listAuditLog> =>
  async (request, call) => {
    const { caller } = call
    const operatorAsks = caller.applicationId === undefined && request.applicationId !== ""
    // What became of an application that is gone is the operator's to ask.
    const tenancy = operatorAsks ? request : tenancyOf(config.table, caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.listAuditLog(tenancy, request)
  }
