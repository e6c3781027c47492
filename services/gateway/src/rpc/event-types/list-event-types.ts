import { create } from "@bufbuild/protobuf"
import { isEventTypeName, isRefusal, limits, PREDEFINED_EVENT_TYPES, refuse } from "@posthorn/core"
import { ListEventTypesResponseSchema, type EventTypeService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { knownEventType } from "./known-event-type.ts"
import type { RpcContext } from "../rpc-context.ts"

/** By name, the application's own and the predefined ones together. */
export const listEventTypes =
  ({ config }: RpcContext): Handler<typeof EventTypeService.method.listEventTypes> =>
  async (request, call) => {
    const { table } = config
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const after = Buffer.from(request.pageToken, "base64url").toString()
    if (request.pageToken !== "" && !isEventTypeName(after)) {
      const details = [{ field: "page_token", reason: "must be a token as answered by the call before" }]
      return refuse("invalid_argument", "The page token is none of ours.", { details })
    }
    const own = [...table.eventTypesOf(applicationId)].map((id) => id.slice(applicationId.length + 1))
    const names = [...new Set([...own, ...PREDEFINED_EVENT_TYPES])].filter((name) => name > after).toSorted((a, b) => (a < b ? -1 : 1))
    const page = names.slice(0, request.pageSize || limits.PAGE_SIZE_DEFAULT)
    return create(ListEventTypesResponseSchema, {
      eventTypes: page.flatMap((name) => {
        const eventType = knownEventType(table, applicationId, name)
        return isRefusal(eventType) ? [] : [eventType]
      }),
      nextPageToken: names.length > page.length ? Buffer.from(page.at(-1) ?? "").toString("base64url") : "",
    })
  }
