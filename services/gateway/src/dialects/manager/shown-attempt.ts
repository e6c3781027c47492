import { type Attempt, type Delivery, Outcome } from "@posthorn/proto"
import { timeOf } from "../words.ts"

/** One attempt of a delivery, or that there has been none. */
export const shownAttempt = (delivery: Pick<Delivery, "id" | "subscriptionId" | "eventId">, attempt: Attempt | undefined) => ({
  id: attempt?.id ?? delivery.id,
  webhook_id: delivery.subscriptionId,
  payload_id: delivery.eventId,
  attempt_number: attempt?.number ?? 0,
  status: statusOf(attempt),
  response_code: attempt?.statusCode || null,
  response_body: attempt?.response?.body ?? null,
  error_message: attempt?.error || null,
  timestamp: timeOf(attempt?.startedAt),
  duration_ms: attempt?.durationMs ?? null,
})

function statusOf(attempt: Attempt | undefined): string {
  if (attempt === undefined) return "pending"
  return attempt.outcome === Outcome.DELIVERED ? "success" : "failed"
}
