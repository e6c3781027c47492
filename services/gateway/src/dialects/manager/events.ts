import { isRefusal, limits } from "@posthorn/core"
import { EventTypeService } from "@posthorn/proto"
import type { DialectRoute } from "../dialect.ts"
import { readEvent } from "../read-event.ts"

const trigger: DialectRoute = {
  method: "POST",
  path: "/api/events/trigger",
  answer: async (request, calls) => {
    const accepted = await calls.publish(() => readEvent(request, { event: "type", data: "data", metadata: "metadata" }))
    return isRefusal(accepted) ? accepted : { status: 202, body: { id: accepted.id, status: "accepted" } }
  },
}

/** The predefined names and the application's own, of which there are few enough for one list; names that were never defined work too. */
const list: DialectRoute = {
  method: "GET",
  path: "/api/events",
  answer: async (_request, calls) => {
    const names: string[] = []
    let pageToken = ""
    do {
      const page = await calls.rpc(EventTypeService.method.listEventTypes, (applicationId) => ({
        applicationId,
        pageSize: limits.PAGE_SIZE_MAX,
        pageToken,
      }))
      if (isRefusal(page)) return page
      names.push(...page.eventTypes.map(({ name }) => name))
      pageToken = page.nextPageToken
    } while (pageToken !== "")
    return { status: 200, body: names }
  },
}

export const eventRoutes: readonly DialectRoute[] = [trigger, list]
