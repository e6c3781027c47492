import { create, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf, factsOf, tierFor, type SubscriptionEntity, type Topic } from "@posthorn/core"
import {
  decode,
  LogUnavailable,
  poisonLetter,
  type ConfigFollower,
  type GroupHandler,
  type LogRecord,
  type NewRecord,
  type OwnedPartition,
} from "@posthorn/log"
import { AttemptRecordSchema, DeliveryDueSchema, EventAcceptedSchema, type DeliveryDue, type EventAccepted } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import type { DeliveryEvents } from "./events.ts"
import type { SureAppender } from "./sure-appender.ts"
import { isEnabled, type SubscriptionTable } from "./subscription-table.ts"

export interface RouterOptions {
  readonly config: Pick<ConfigFollower, "position" | "reached">
  readonly subscriptions: SubscriptionTable
  readonly appender: SureAppender
  readonly clock: Clock
  readonly events: DeliveryEvents
  readonly failed: (error: Error) => void
  /** Aborted when the service stops. */
  readonly signal: AbortSignal
}

/** Reads `events`, appends one due delivery for every subscription that matches, and what it created to `attempts`. */
export function createRouter(options: RouterOptions): GroupHandler {
  const { config, appender, clock, events, failed, signal } = options

  async function route(record: LogRecord, lost: AbortSignal): Promise<void> {
    const event = decode(EventAcceptedSchema, record.value)
    if (event?.acceptedAt === undefined || event.eventId === "" || event.applicationId === "") {
      await appender.append([poisonLetter(record, "is not an accepted event", clock.nowMs())], lost)
      events.poisonFound(record)
      return
    }
    await caughtUp(Number(event.configPosition))
    const matched = targetsOf(event, options.subscriptions)
    const records = matched.flatMap((entity) => recordsOf({ event, bytes: record.value }, entity, clock.nowMs()))
    if (records.length > 0) await appender.append(records, lost)
    events.eventRouted(matched.length)
  }

  /** What was created before the event was published must match it, so the table has to be as new as the publisher's was. */
  async function caughtUp(position: number): Promise<void> {
    while (config.position < position) {
      try {
        await config.reached(position)
      } catch (error) {
        if (!(error instanceof LogUnavailable) || signal.aborted) throw error
        events.appendFailed(error)
      }
    }
  }

  return {
    records(partition: OwnedPartition, records: readonly LogRecord[]): void {
      for (const record of records) {
        route(record, partition.signal).then(
          () => partition.finish(record.offset),
          (error: unknown) => void (partition.signal.aborted || failed(error as Error)),
        )
      }
    },
    failed,
  }
}

function targetsOf(event: EventAccepted, subscriptions: SubscriptionTable): readonly SubscriptionEntity[] {
  if (event.onlySubscriptionId === "") return subscriptions.match(event.applicationId, event.type)
  const only = subscriptions.get(event.onlySubscriptionId)
  return only && isEnabled(only) && only.subscription.applicationId === event.applicationId ? [only] : []
}

interface ReadEvent {
  readonly event: EventAccepted
  /** As they are in the log. */
  readonly bytes: Uint8Array
}

function recordsOf({ event, bytes }: ReadEvent, { subscription }: SubscriptionEntity, nowMs: number): NewRecord[] {
  const dueAt = event.deliverAt ?? event.acceptedAt
  const deliveryId = deliveryIdOf(event.eventId, subscription.id)
  const due = create(DeliveryDueSchema, {
    deliveryId,
    subscriptionId: subscription.id,
    round: 1,
    attempt: 1,
    roundFirstAttempt: 1,
    ...(event.acceptedAt ? { createdAt: event.acceptedAt } : {}),
    ...(dueAt ? { dueAt } : {}),
  })
  const waitMs = event.deliverAt ? timestampMs(event.deliverAt) - nowMs : 0
  const topic: Topic = waitMs > 0 ? tierFor(waitMs) : "deliveries"
  const created = create(AttemptRecordSchema, {
    record: { case: "created", value: { delivery: factsOf(due, event), ...(dueAt ? { firstDueAt: dueAt } : {}) } },
  })
  return [
    { topic: "attempts", key: subscription.id, value: toBinary(AttemptRecordSchema, created) },
    { topic, key: subscription.id, value: encodeDue(due, bytes) },
  ]
}

/**
 * A due delivery with its event as the bytes that were read: an event is a field of a message as it is a message by itself, and payloads
 * are long.
 */
function encodeDue(due: DeliveryDue, eventBytes: Uint8Array): Uint8Array {
  const writer = new BinaryWriter()
  writer.raw(toBinary(DeliveryDueSchema, due)).tag(DeliveryDueSchema.field.event.number, WireType.LengthDelimited).bytes(eventBytes)
  return writer.finish()
}
