import { isRefusal } from "@posthorn/core"
import { type Attempt, type Delivery, DeliveryService, Outcome } from "@posthorn/proto"
import type { DialectRoute } from "../dialect.ts"
import { statusOf, timeOf } from "../words.ts"

/** A delivery task is one delivery. */
const ingest: DialectRoute = {
  method: "POST",
  path: "/ingest/{subscription_id}",
  answer: (request, calls) =>
    calls.ingest(request.variable("subscription_id"), request.raw, ({ deliveryId }) => ({
      status: 202,
      body: { delivery_task_id: deliveryId, status: "pending" },
    })),
}

const get: DialectRoute = {
  method: "GET",
  path: "/delivery/{delivery_task_id}",
  answer: async (request, calls) => {
    const deliveryId = request.variable("delivery_task_id")
    const found = await calls.rpcOnceShown(DeliveryService.method.getDelivery, () => ({ deliveryId }))
    if (isRefusal(found)) return found
    const { delivery } = found
    return { status: 200, body: { ...taskOf(delivery), attempts: delivery?.attempts.map(attemptOf) } }
  },
}

const list: DialectRoute = {
  method: "GET",
  path: "/subscriptions/{id}/deliveries",
  answer: async (request, calls) => {
    const subscriptionId = request.variable("id")
    const found = await calls.rpc(DeliveryService.method.listDeliveries, (applicationId) => ({ applicationId, subscriptionId }))
    return isRefusal(found) ? found : { status: 200, body: found.deliveries.map(taskOf) }
  },
}

export const deliveryRoutes: readonly DialectRoute[] = [ingest, get, list]

const taskOf = (delivery: Delivery | undefined) =>
  delivery && {
    delivery_task_id: delivery.id,
    subscription_id: delivery.subscriptionId,
    event_type: delivery.eventType,
    status: statusOf(delivery.state),
    attempt_count: delivery.attemptCount,
    last_status_code: delivery.lastStatusCode || null,
    last_error: delivery.lastError || null,
    created_at: timeOf(delivery.createdAt),
    next_attempt_at: timeOf(delivery.nextAttemptAt),
    finished_at: timeOf(delivery.finishedAt),
  }

const attemptOf = ({ number, outcome, statusCode, error, startedAt, durationMs }: Attempt) => ({
  attempt: number,
  status: outcome === Outcome.DELIVERED ? "success" : "failed",
  status_code: statusCode || null,
  error: error || null,
  timestamp: timeOf(startedAt),
  duration_ms: durationMs,
})
