import type { EventAccepted } from "@posthorn/proto"

/** Where an application's subscriptions are looked up; what they are found as is the caller's. */
export interface SubscriptionLookUp<Found> {
  /** Those that want an event type. */
  match(type: string): Found
  /** Those that name an event type as it is, without wildcards. */
  named(type: string): Found
  /** The one of that id, if it is the application's. */
  only(subscriptionId: string): Found
}

/** The subscriptions that an event may be for, whatever their filters say. */
export function candidatesOf<Found>(
  { operational, onlySubscriptionId, type }: Pick<EventAccepted, "operational" | "onlySubscriptionId" | "type">,
  { match, named, only }: SubscriptionLookUp<Found>,
): Found {
  if (operational) return named(type)
  return onlySubscriptionId === "" ? match(type) : only(onlySubscriptionId)
}
