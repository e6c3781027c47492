import { isRefusal } from "@posthorn/core"
import type { AuditService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const getConservation =
  ({ config, reader }: RpcContext): Handler<typeof AuditService.method.getConservation> =>
  async (request, call) => {
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.getConservation(tenancy, request)
  }
