import { isRefusal, noSuch } from "@posthorn/core"
import type { EventService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const getEventPayload =
  ({ config, reader }: RpcContext): Handler<typeof EventService.method.getEventPayload> =>
  async ({ eventId }, call) => {
    const tenancy = tenancyOf(config.table, call.caller)
    return isRefusal(tenancy) ? tenancy : ((await reader.getPayload(tenancy, eventId)) ?? noSuch("event"))
  }
