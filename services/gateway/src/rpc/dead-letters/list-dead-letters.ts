import { isRefusal } from "@posthorn/core"
import type { DeadLetterService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const listDeadLetters =
  ({ config, reader }: RpcContext): Handler<typeof DeadLetterService.method.listDeadLetters> =>
  async (request, call) => {
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.listDeadLetters(tenancy, request)
  }
