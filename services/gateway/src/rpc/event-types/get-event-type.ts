import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { GetEventTypeResponseSchema, type EventTypeService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { knownEventType } from "./known-event-type.ts"
import type { RpcContext } from "../rpc-context.ts"

export const getEventType =
  ({ config }: RpcContext): Handler<typeof EventTypeService.method.getEventType> =>
  async (request, call) => {
    const applicationId = applicationOf(config.table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const eventType = knownEventType(config.table, applicationId, request.name)
    return isRefusal(eventType) ? eventType : create(GetEventTypeResponseSchema, { eventType })
  }
