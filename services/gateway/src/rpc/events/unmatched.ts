import { create, type JsonObject } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { filterFailure, filterSubjectOf, limits, matchesPattern, type ConfigTable, type FilterSubject } from "@posthorn/core"
import { UnmatchedSubscriptionSchema, type Delivery, type Event, type Subscription, type UnmatchedSubscription } from "@posthorn/proto"
import { failedClauseOf } from "../subscriptions/failed-clause.ts"

/** An event as the view has it. */
export interface SeenEvent {
  readonly event: Event
  readonly deliveries: readonly Delivery[]
  /** Asked for once, and only if there is a filter that looks at it; `undefined` = it is gone. */
  readonly payload: () => Promise<Uint8Array | undefined>
}

/**
 * Why the application's other subscriptions were not sent an event, by today's settings; at most `UNMATCHED_MAX` of them, newest first.
 * A subscription that should get the event is left out: it is still on its way.
 */
export async function unmatchedOf(table: ConfigTable, seen: SeenEvent): Promise<UnmatchedSubscription[]> {
  const { event, deliveries } = seen
  const sentTo = new Set(deliveries.map((delivery) => delivery.subscriptionId))
  const unmatched: UnmatchedSubscription[] = []
  let subject: FilterSubject | undefined
  for (const subscriptionId of table.subscriptionsOf(event.applicationId).newest(limits.UNMATCHED_MAX + sentTo.size)) {
    const entity = table.subscription(subscriptionId)
    if (entity === undefined || sentTo.has(subscriptionId)) continue
    const { filter } = entity.subscription
    let reason = reasonOf(entity.subscription, event)
    if (reason === undefined && filter !== undefined) {
      subject ??= filterSubjectOf({ ...event, payload: (await seen.payload()) ?? new Uint8Array() })
      reason = filterReason(filter, subject)
    }
    if (reason !== undefined) unmatched.push(create(UnmatchedSubscriptionSchema, { subscriptionId, ...reason }))
  }
  return unmatched.slice(0, limits.UNMATCHED_MAX)
}

type Reason = Pick<UnmatchedSubscription, "reason" | "failedClause">

function reasonOf({ id, createdAt, enabled, eventTypes }: Subscription, event: Event): Reason | undefined {
  if (createdAt && event.createdAt && timestampMs(createdAt) > timestampMs(event.createdAt)) return { reason: "created_later" }
  if (!enabled) return { reason: "disabled" }
  // What came in by ingest is for one subscription, whatever the event types.
  if (event.onlySubscriptionId !== "") return event.onlySubscriptionId === id ? undefined : { reason: "other_ingest" }
  return eventTypes.some((pattern) => matchesPattern(pattern, event.type)) ? undefined : { reason: "event_type" }
}

function filterReason(filter: JsonObject, subject: FilterSubject): Reason | undefined {
  const failure = filterFailure(filter, subject)
  return failure && { reason: "filter", failedClause: failedClauseOf(failure) }
}
