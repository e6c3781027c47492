import { isRefusal } from "@posthorn/core"
import type { DialectRoute } from "../dialect.ts"
import { readEvent } from "../read-event.ts"

/** Sent again with the same `request_id`, it is the same event. */
export const publish: DialectRoute = {
  method: "POST",
  path: "/applications/{application}/events",
  answer: async (request, calls) => {
    const accepted = await calls.publish(() => readEvent(request, { event: "type", data: "data", request_id: "id" }))
    return isRefusal(accepted) ? accepted : { status: 202, body: { id: accepted.id, status: "accepted" } }
  },
}
