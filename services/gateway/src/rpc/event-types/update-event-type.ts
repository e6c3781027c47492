import { create } from "@bufbuild/protobuf"
import { assert, decideUpdateEventType, isRefusal } from "@posthorn/core"
import { type EventTypeService, UpdateEventTypeResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import { refuseSchemas } from "../../schemas/refuse-schemas.ts"
import { knownEventType } from "./known-event-type.ts"
import type { RpcContext } from "../rpc-context.ts"

export const updateEventType =
  (context: RpcContext): Handler<typeof EventTypeService.method.updateEventType> =>
  async (request, call) => {
    const { table } = context.config
    const { eventType, name, updateMask } = request
    assert(eventType, "the contract requires an event type")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const before = knownEventType(table, applicationId, name)
    if (isRefusal(before)) return before
    const refused = await refuseSchemas(context.schemas, applicationId, eventType.versions)
    if (refused) return refused
    const command = { applicationId, name, eventType, paths: updateMask?.paths ?? [] }
    const done = await changeConfig(context, call, (change) => decideUpdateEventType(table, command, change))
    if (isRefusal(done)) return done
    const after = knownEventType(table, applicationId, name)
    return isRefusal(after) ? after : create(UpdateEventTypeResponseSchema, { eventType: after })
  }
