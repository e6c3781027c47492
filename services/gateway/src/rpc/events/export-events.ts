import { create } from "@bufbuild/protobuf"
import { isRefusal, limits } from "@posthorn/core"
import { ExportEventsResponseSchema, ListEventsRequestSchema, type EventService } from "@posthorn/proto"
import type { FeedHandler } from "../../call.ts"
import { exported } from "../exported.ts"
import type { RpcContext } from "../rpc-context.ts"
import { listEvents } from "./list-events.ts"

export const exportEvents = (context: RpcContext): FeedHandler<typeof EventService.method.exportEvents> => {
  const list = listEvents(context)
  return async (request, call) =>
    exported({
      pageToken: request.pageToken,
      read: async (pageToken) => {
        const page = await list(
          { ...request, $typeName: ListEventsRequestSchema.typeName, pageToken, pageSize: limits.PAGE_SIZE_MAX },
          call,
        )
        return isRefusal(page) ? page : { rows: page.events, nextPageToken: page.nextPageToken }
      },
      messageOf: (event, pageToken) => create(ExportEventsResponseSchema, { pageToken, event }),
      signal: call.signal,
    })
}
