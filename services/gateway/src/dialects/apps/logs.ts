import { isRefusal } from "@posthorn/core"
import { BodyStyle, DeliveryState, Outcome, SubscriptionService } from "@posthorn/proto"
import { type Attempted, newestAttempts } from "../attempts-of.ts"
import type { DialectRoute } from "../dialect.ts"
import { timeOf } from "../words.ts"
import { type SentPayload, sentPayload } from "./sent-payload.ts"

/** The newest attempts at a webhook's deliveries, with what was sent. */
export const logs: DialectRoute = {
  method: "GET",
  path: "/applications/{application}/webhooks/{id}/logs",
  answer: async (request, calls) => {
    const subscriptionId = request.variable("id")
    const webhook = await calls.rpc(SubscriptionService.method.getSubscription, () => ({ subscriptionId }))
    if (isRefusal(webhook)) return webhook
    const newest = await newestAttempts(calls, subscriptionId)
    if (isRefusal(newest)) return newest
    const bodyStyle = webhook.subscription?.bodyStyle ?? BodyStyle.UNSPECIFIED
    const eventIds = new Set(newest.map(({ delivery }) => delivery.eventId))
    const payloads = new Map([...eventIds].map((eventId) => [eventId, sentPayload(calls, eventId, bodyStyle)]))
    const shown = newest.map(async (each) => {
      const payload = await payloads.get(each.delivery.eventId)
      return isRefusal(payload) ? payload : shownOf(each, payload)
    })
    const entries = await Promise.all(shown)
    return entries.find(isRefusal) ?? { status: 200, body: entries }
  },
}

const shownOf = ({ delivery, attempt }: Attempted, payload: SentPayload | undefined) => ({
  id: attempt.id,
  webhook: delivery.subscriptionId,
  payload: payload?.json ?? null,
  headers: attempt.request?.headers ?? {},
  response_status: attempt.statusCode || null,
  response_body: attempt.response?.body ?? null,
  attempt: attempt.number,
  scheduled_at: timeOf(attempt.scheduledAt),
  delivered_at: attempt.outcome === Outcome.DELIVERED ? timeOf(attempt.finishedAt) : null,
  failed: delivery.state === DeliveryState.DEAD && attempt.number === delivery.attemptCount,
})
