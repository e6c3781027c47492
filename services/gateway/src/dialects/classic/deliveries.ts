import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import { type Attempt, EventService, Outcome } from "@posthorn/proto"
import { readJsonObject } from "../../doors/json-body.ts"
import { attemptsOf, newestAttempts } from "../attempts-of.ts"
import type { DialectRoute } from "../dialect.ts"
import { text } from "../read-fields.ts"
import { timeOf } from "../words.ts"

const ACCEPTED = { message: "Request accepted for processing" }

const ingest: DialectRoute = {
  method: "POST",
  path: "/ingest/{subscription_id}",
  answer: (request, calls) => {
    const read = async () => {
      const parts = await request.raw()
      if (isRefusal(parts)) return parts
      const type = eventOf(parts.body)
      if (type === undefined || isRefusal(type)) return type ?? parts
      return { ...parts, headers: { ...parts.headers, "x-webhook-event": type } }
    }
    return calls.ingest(request.variable("subscription_id"), read, () => ({ status: 202, body: ACCEPTED }))
  },
}

/** The event's type as the body says it; absent, the subscription's own holds. */
function eventOf(body: Buffer): string | undefined | Refusal {
  const json = readJsonObject(body)
  if (isRefusal(json)) return json
  const { event } = json.value
  if (event === undefined || typeof event === "string") return event
  return refuse("invalid_argument", "The request has fields that cannot be read.", { details: [{ field: "event", reason: text.expects }] })
}

const ofSubscription: DialectRoute = {
  method: "GET",
  path: "/subscription_deliveries/{subscription_id}",
  answer: async (request, calls) => {
    const newest = await newestAttempts(calls, request.variable("subscription_id"))
    if (isRefusal(newest)) return newest
    return { status: 200, body: newest.map(({ delivery, attempt }) => ({ event_id: delivery.eventId, ...shownOf(attempt) })) }
  },
}

const ofEvent: DialectRoute = {
  method: "GET",
  path: "/delivery_status/{event_id}",
  answer: async (request, calls) => {
    const found = await calls.rpcOnceShown(EventService.method.getEvent, () => ({ eventId: request.variable("event_id") }))
    if (isRefusal(found)) return found
    const attempts = await attemptsOf(calls, found.event?.deliveries ?? [])
    return isRefusal(attempts) ? attempts : { status: 200, body: attempts.map(({ attempt }) => shownOf(attempt)) }
  },
}

export const deliveryRoutes: readonly DialectRoute[] = [ingest, ofSubscription, ofEvent]

/** Times are UTC and say nothing of it. */
const shownOf = (attempt: Attempt) => ({
  attempt: attempt.number,
  status: attempt.outcome === Outcome.DELIVERED ? "success" : "failed",
  http_code: attempt.statusCode || null,
  Error_details: attempt.error || null,
  timestamp: timeOf(attempt.finishedAt)?.slice(0, "2025-05-10T13:22:33".length) ?? null,
})
