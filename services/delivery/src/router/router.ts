import { create, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import {
  candidatesOf,
  deliveryIdOf,
  factsOf,
  isEnabled,
  limits,
  passing,
  ShareMeter,
  tierFor,
  type SubscriptionEntity,
  type Topic,
} from "@posthorn/core"
import {
  decode,
  LogUnavailable,
  poisonLetter,
  type AppendClass,
  type ConfigFollower,
  type GroupHandler,
  type LogRecord,
  type NewRecord,
  type OwnedPartition,
} from "@posthorn/log"
import { AttemptRecordSchema, DeliveryDueSchema, EventAcceptedSchema, type DeliveryDue, type EventAccepted } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import { BulkQueue } from "./bulk-queue.ts"
import type { DeliveryEvents } from "../events.ts"
import type { SureAppender } from "../sure-appender.ts"
import type { SubscriptionTable } from "../subscription-table.ts"

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

/** What begins a delivery. */
interface DeliveryRecords {
  readonly due: NewRecord
  readonly created: NewRecord
}

/**
 * Reads `events` and `events.bulk`, appends one due delivery for every subscription that matches and whose filter takes the event, and what it
 * created to `attempts`; of an event that nobody takes, that. What exceeds a subscription's share goes into the lower class, and waits until the
 * live records that were read with it are on their way.
 */
export function createRouter(options: RouterOptions): GroupHandler {
  const { config, appender, clock, events, failed, signal } = options
  const shares = new ShareMeter({ perSecond: limits.LIVE_PER_SECOND, burst: limits.LIVE_BURST })
  const bulk = new BulkQueue(failed)

  async function route(partition: OwnedPartition, record: LogRecord): Promise<void> {
    const { offset, value } = record
    const event = decode(EventAcceptedSchema, value)
    if (event?.acceptedAt === undefined || event.eventId === "" || event.applicationId === "") {
      await appender.append([poisonLetter(record, "is not an accepted event", clock.nowMs())], partition.signal)
      events.poisonFound(record)
      return partition.finish(offset)
    }
    if (config.position < Number(event.configPosition)) await caughtUp(Number(event.configPosition))
    const matched = passing(event, targetsOf(event, options.subscriptions))
    const nowMs = clock.nowMs()
    if (matched.length === 0)
      await appender.append(
        [unmatchedRecord(record, event, { nowMs, configPosition: config.position })],
        partition.signal,
        event.bulk ? "bulk" : "live",
      )
    const live: SubscriptionEntity[] = []
    const exceeding: SubscriptionEntity[] = []
    for (const each of matched) (event.bulk || shares.exceeds(each.subscription.id, nowMs) ? exceeding : live).push(each)
    const recordsFor = (entities: readonly SubscriptionEntity[], isBulk: boolean): readonly DeliveryRecords[] =>
      entities.map((entity) => recordsOf({ event, bytes: value, bulk: isBulk, matched: matched.length }, entity, nowMs))
    if (live.length > 0) await appendDeliveries(recordsFor(live, false), partition, "live")
    events.eventRouted(matched.length)
    if (exceeding.length === 0) return partition.finish(offset)
    bulk.add(partition, async () => {
      await appendDeliveries(recordsFor(exceeding, true), partition, "bulk")
      partition.finish(offset)
    })
  }

  /** The tries first: a delivery that the views know of, and that nobody makes, would be on its way for ever. */
  async function appendDeliveries(
    deliveries: readonly DeliveryRecords[],
    { signal: lost }: OwnedPartition,
    appendClass: AppendClass,
  ): Promise<void> {
    await appender.append(
      deliveries.map(({ due }) => due),
      lost,
      appendClass,
    )
    await appender.append(
      deliveries.map(({ created }) => created),
      lost,
      appendClass,
    )
  }

  const guarded = (partition: OwnedPartition, work: Promise<void>): void => {
    work.catch((error: unknown) => void (partition.signal.aborted || failed(error as Error)))
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
      for (const record of records) guarded(partition, route(partition, record))
    },
    failed,
  }
}

function targetsOf(event: EventAccepted, subscriptions: SubscriptionTable): readonly SubscriptionEntity[] {
  const { applicationId } = event
  return candidatesOf(event, {
    match: (type) => subscriptions.match(applicationId, type),
    named: (type) => subscriptions.named(applicationId, type),
    only: (id) => {
      const entity = subscriptions.get(id)
      return entity && isEnabled(entity) && entity.subscription.applicationId === applicationId ? [entity] : []
    },
  })
}

interface ReadEvent {
  readonly event: EventAccepted
  /** As they are in the log. */
  readonly bytes: Uint8Array
  /** Goes in the lower class. */
  readonly bulk: boolean
  /** How many subscriptions take it. */
  readonly matched: number
}

function recordsOf({ event, bytes, bulk, matched }: ReadEvent, { subscription }: SubscriptionEntity, nowMs: number): DeliveryRecords {
  const dueAt = event.deliverAt ?? event.acceptedAt
  const deliveryId = deliveryIdOf(event.eventId, subscription.id)
  const due = create(DeliveryDueSchema, {
    deliveryId,
    subscriptionId: subscription.id,
    round: 1,
    attempt: 1,
    roundFirstAttempt: 1,
    bulk,
    ...(event.acceptedAt ? { createdAt: event.acceptedAt } : {}),
    ...(dueAt ? { dueAt } : {}),
  })
  const waitMs = event.deliverAt ? timestampMs(event.deliverAt) - nowMs : 0
  const topic: Topic = waitMs > 0 ? tierFor(waitMs) : bulk ? "deliveries.bulk" : "deliveries"
  const created = create(AttemptRecordSchema, {
    record: { case: "created", value: { delivery: factsOf(due, event), matched, ...(dueAt ? { firstDueAt: dueAt } : {}) } },
  })
  return {
    due: { topic, key: subscription.id, value: encodeDue(due, bytes) },
    created: { topic: "attempts", key: subscription.id, value: toBinary(AttemptRecordSchema, created) },
  }
}

/** Beside the event: nothing else says that it was looked at. */
function unmatchedRecord(
  { key, partition }: LogRecord,
  { eventId, applicationId, type: eventType, acceptedAt }: EventAccepted,
  { nowMs, configPosition }: { readonly nowMs: number; readonly configPosition: number },
): NewRecord {
  const looked = { configPosition: BigInt(configPosition), routedAt: timestampFromMs(nowMs) }
  const value = { eventId, applicationId, eventType, ...looked, ...(acceptedAt ? { acceptedAt } : {}) }
  const message = create(AttemptRecordSchema, { record: { case: "unmatched", value } })
  return { topic: "attempts", key, partition, value: toBinary(AttemptRecordSchema, message) }
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
