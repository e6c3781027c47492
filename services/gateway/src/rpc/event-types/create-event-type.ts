import { create } from "@bufbuild/protobuf"
import { assert, decideCreateEventType, isRefusal } from "@posthorn/core"
import { CreateEventTypeResponseSchema, type EventTypeService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import { refuseSchemas } from "../../schemas/refuse-schemas.ts"
import { knownEventType } from "./known-event-type.ts"
import type { RpcContext } from "../rpc-context.ts"

export const createEventType =
  (context: RpcContext): Handler<typeof EventTypeService.method.createEventType> =>
  async (request, call) => {
    const { table } = context.config
    const { eventType } = request
    assert(eventType, "the contract requires an event type")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const refused = await refuseSchemas(context.schemas, applicationId, eventType.versions)
    if (refused) return refused
    const done = await changeConfig(context, call, (change) => decideCreateEventType(table, { applicationId, eventType }, change))
    if (isRefusal(done)) return done
    const after = knownEventType(table, applicationId, eventType.name)
    return isRefusal(after) ? after : create(CreateEventTypeResponseSchema, { eventType: after })
  }
