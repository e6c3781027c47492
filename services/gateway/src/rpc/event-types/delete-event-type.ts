import { create } from "@bufbuild/protobuf"
import { decideDeleteEventType, isRefusal } from "@posthorn/core"
import { DeleteEventTypeResponseSchema, type EventTypeService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const deleteEventType =
  (context: RpcContext): Handler<typeof EventTypeService.method.deleteEventType> =>
  async ({ applicationId: requested, name, etag }, call) => {
    const { table } = context.config
    const applicationId = applicationOf(table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    const done = await changeConfig(context, call, (change) => decideDeleteEventType(table, { applicationId, name, etag }, change))
    return isRefusal(done) ? done : create(DeleteEventTypeResponseSchema)
  }
