import { isRefusal } from "@posthorn/core"
import { type Attempt, type Delivery, DeliveryService } from "@posthorn/proto"
import type { Dialect, DialectRoute } from "../dialect.ts"
import { statusOf, timeOf } from "../words.ts"

/** A webhook is one delivery; it is signed and verified as the subscription says, which the canonical API makes. */
const ingest: DialectRoute = {
  method: "POST",
  path: "/api/webhooks/ingest/{subscription_id}",
  answer: (request, calls) =>
    calls.ingest(request.variable("subscription_id"), request.raw, ({ deliveryId }) => ({
      status: 202,
      body: { webhook_id: deliveryId, status: "pending" },
    })),
}

const status: DialectRoute = {
  method: "GET",
  path: "/api/webhooks/{webhook_id}/status",
  answer: async (request, calls) => {
    const deliveryId = request.variable("webhook_id")
    const found = await calls.rpcOnceShown(DeliveryService.method.getDelivery, () => ({ deliveryId }))
    if (isRefusal(found)) return found
    const { delivery } = found
    return { status: 200, body: { ...webhookOf(delivery), attempts: delivery?.attempts.map(attemptOf) } }
  },
}

const list: DialectRoute = {
  method: "GET",
  path: "/api/webhooks/subscription/{subscription_id}",
  answer: async (request, calls) => {
    const subscriptionId = request.variable("subscription_id")
    const found = await calls.rpc(DeliveryService.method.listDeliveries, (applicationId) => ({ applicationId, subscriptionId }))
    return isRefusal(found) ? found : { status: 200, body: found.deliveries.map(webhookOf) }
  },
}

const webhookOf = (delivery: Delivery | undefined) =>
  delivery && {
    webhook_id: delivery.id,
    subscription_id: delivery.subscriptionId,
    event: delivery.eventType,
    status: statusOf(delivery.state),
    created_at: timeOf(delivery.createdAt),
  }

const attemptOf = ({ number, statusCode, error, finishedAt }: Attempt) => ({
  attempt: number,
  http_status: statusCode || null,
  error: error || null,
  attempted_at: timeOf(finishedAt),
})

/** Ingest by subscription with GitHub's signature, and what became of it. */
export const hub: Dialect = { name: "hub", routes: [ingest, status, list], fieldNames: { type: "x-webhook-event" } }
