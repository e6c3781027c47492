import { placeName, type Finding, type LogPlace } from "./finding.ts"

/** An event that has fewer deliveries than it should, as far as the views know. */
export interface SuspectEvent {
  readonly applicationId: string
  readonly eventId: string
  readonly acceptedAtMs: number
  /** Where the log has it. */
  readonly place: LogPlace
  readonly deliveries: number
  /** How many subscriptions the router says that it matched; `undefined` = it said nothing. */
  readonly matched: number | undefined
}

/** The first offset of a partition that a stage has not finished. */
export type Reached = (place: Omit<LogPlace, "offset">) => number

/**
 * Whether an event is lost, given how far the router had come *before* the views were known to hold all that had been said by then. The router says
 * what it did before it counts an event as done: an event behind it of which nothing is said is lost; one before it waits for its turn.
 */
export function judgeEvent(event: SuspectEvent, routed: Reached): Finding | undefined {
  const { place, deliveries, matched = 0, applicationId, eventId, acceptedAtMs } = event
  if (place.offset >= routed(place)) return undefined
  const base = { applicationId, eventId, acceptedAtMs, deliveryId: "", subscriptionId: "", place }
  const where = `The event is at ${placeName(place)} of the log`
  if (deliveries === 0)
    return {
      ...base,
      kind: "not_routed",
      reason: `${where} and the router has passed it, but it neither made a delivery nor said that nobody takes it.`,
    }
  if (deliveries >= matched) return undefined
  return {
    ...base,
    kind: "delivery_missing",
    reason: `${where} and matched ${matched} subscriptions, but there are ${deliveries} deliveries of it.`,
  }
}
