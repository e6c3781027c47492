import { create } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { limits, matchesPattern, type ConfigTable } from "@posthorn/core"
import { UnmatchedSubscriptionSchema, type Delivery, type Event, type Subscription, type UnmatchedSubscription } from "@posthorn/proto"

/**
 * Why the application's other subscriptions were not sent an event, by today's settings; at most `UNMATCHED_MAX` of them, newest first.
 * A subscription that should get the event is left out while the event has no delivery at all: it is still on its way.
 */
export function unmatchedOf(table: ConfigTable, event: Event, deliveries: readonly Delivery[]): UnmatchedSubscription[] {
  const sentTo = new Set(deliveries.map((delivery) => delivery.subscriptionId))
  const unmatched: UnmatchedSubscription[] = []
  for (const subscriptionId of table.subscriptionsOf(event.applicationId).newest(limits.UNMATCHED_MAX + sentTo.size)) {
    const entity = table.subscription(subscriptionId)
    if (entity === undefined || sentTo.has(subscriptionId)) continue
    const reason = reasonOf(entity.subscription, event) ?? (sentTo.size > 0 ? "other_ingest" : undefined)
    if (reason !== undefined) unmatched.push(create(UnmatchedSubscriptionSchema, { subscriptionId, reason }))
  }
  return unmatched.slice(0, limits.UNMATCHED_MAX)
}

function reasonOf({ createdAt, enabled, eventTypes }: Subscription, event: Event): string | undefined {
  if (createdAt && event.createdAt && timestampMs(createdAt) > timestampMs(event.createdAt)) return "created_later"
  if (!enabled) return "disabled"
  return eventTypes.some((pattern) => matchesPattern(pattern, event.type)) ? undefined : "event_type"
}
