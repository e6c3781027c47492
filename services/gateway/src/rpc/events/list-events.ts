import { isRefusal } from "@posthorn/core"
import type { EventService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const listEvents =
  ({ config, reader }: RpcContext): Handler<typeof EventService.method.listEvents> =>
  async (request, call) => {
    const tenancy = tenancyOf(config.table, call.caller, request.applicationId)
    return isRefusal(tenancy) ? tenancy : reader.listEvents(tenancy, request)
  }
