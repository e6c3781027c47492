import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { operationalEventIdOf, retentionClassOf, type BreakerStanding, type SubscriptionEntity } from "@posthorn/core"
import type { ConfigFollower, NewRecord } from "@posthorn/log"
import { EventAcceptedSchema, type DeadLetterRecord, type DeliveryDue } from "@posthorn/proto"
import type { SubscriptionTable } from "../subscription-table.ts"

/** What Posthorn tells an application of its own doing, as events that a subscription can ask for by name. */
export interface OperationalEvents {
  /** A delivery is dead. Nothing for one of an operational event, or there would be no end. */
  dead(due: DeliveryDue, letter: DeadLetterRecord): NewRecord[]
  /** A subscription's breaker has opened. */
  failing(entity: SubscriptionEntity, standing: BreakerStanding, reason: string): NewRecord[]
  /** It has closed. */
  recovered(entity: SubscriptionEntity, standing: BreakerStanding): NewRecord[]
  /** Posthorn has disabled a subscription, which made it this version. */
  disabled(entity: SubscriptionEntity, reason: string, nowMs: number): NewRecord[]
}

interface Happening {
  readonly applicationId: string
  readonly type: string
  /** Tells it from every other of its type: whoever notices it again gives it the same event id. */
  readonly name: string
  readonly atMs: number
  readonly data: Readonly<Record<string, unknown>>
  /** There may be very many at a time. */
  readonly bulk?: boolean
  /** Of the event that it is about; absent = as its application has it now. */
  readonly retentionHours?: number
}

/** Events that nobody asks for are not made. */
export function createOperationalEvents(
  subscriptions: Pick<SubscriptionTable, "named">,
  config: Pick<ConfigFollower, "position" | "table">,
): OperationalEvents {
  const recordsOf = (happening: Happening): NewRecord[] => {
    const { applicationId, type, name, atMs, data, bulk = false } = happening
    if (subscriptions.named(applicationId, type).length === 0) return []
    const eventId = operationalEventIdOf(type, name)
    const at = timestampFromMs(atMs)
    const event = create(EventAcceptedSchema, {
      eventId,
      applicationId,
      type,
      contentType: "application/json",
      payload: new TextEncoder().encode(JSON.stringify(data)),
      acceptedAt: at,
      occurredAt: at,
      configPosition: BigInt(config.position),
      operational: true,
      bulk,
      retentionHours: happening.retentionHours ?? retentionClassOf(config.table.retentionHoursOf(applicationId)),
    })
    return [{ topic: bulk ? "events.bulk" : "events", key: `${applicationId}/${eventId}`, value: toBinary(EventAcceptedSchema, event) }]
  }
  return {
    dead(due, letter) {
      const { event } = due
      if (event === undefined || event.operational) return []
      return recordsOf({
        applicationId: event.applicationId,
        type: "delivery.dead",
        name: `${due.deliveryId}/${due.round}`,
        atMs: letter.deadAt ? timestampMs(letter.deadAt) : 0,
        bulk: true,
        retentionHours: event.retentionHours,
        data: {
          deliveryId: due.deliveryId,
          subscriptionId: due.subscriptionId,
          eventId: event.eventId,
          eventType: event.type,
          attempts: due.attempt,
          statusCode: letter.statusCode,
          error: letter.error,
        },
      })
    },
    failing({ subscription: { id, applicationId, url } }, { sinceMs, failures, nextProbeAtMs }, reason) {
      const data = { subscriptionId: id, url, reason, failures, nextProbeAt: new Date(nextProbeAtMs).toISOString() }
      return recordsOf({ applicationId, type: "subscription.failing", name: `${id}/${sinceMs}`, atMs: sinceMs, data })
    },
    recovered({ subscription: { id, applicationId, url } }, { sinceMs }) {
      return recordsOf({
        applicationId,
        type: "subscription.recovered",
        name: `${id}/${sinceMs}`,
        atMs: sinceMs,
        data: { subscriptionId: id, url },
      })
    },
    disabled({ subscription: { id, applicationId, url }, version }, reason, nowMs) {
      const data = { subscriptionId: id, url, reason }
      return recordsOf({ applicationId, type: "subscription.disabled", name: `${id}/${version}`, atMs: nowMs, data })
    },
  }
}
