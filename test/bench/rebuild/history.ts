import { randomBytes } from "node:crypto"
import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { attemptIdOf, deliveryIdOf, formatId, limits } from "@posthorn/core"
import type { LogAppender, NewRecord } from "@posthorn/log"
import {
  AttemptPhasesSchema,
  AttemptRecordSchema,
  AttemptRequestSchema,
  AttemptResponseSchema,
  DeliveryFactsSchema,
  DeliveryState,
  EventAcceptedSchema,
  Outcome,
  type AttemptRecord,
} from "@posthorn/proto"

const newId = (kind: "application" | "subscription" | "event"): string => formatId(kind, randomBytes(16))
const APPLICATION = newId("application")
const SUBSCRIPTIONS = Array.from({ length: 100 }, () => newId("subscription"))
const PAYLOAD = Buffer.from(JSON.stringify({ text: "x".repeat(580) }))
const APPENDS_AT_ONCE = 8
/** All of it happened within this time. */
const SPAN_MS = 3600_000

/** Puts what became of so many events into the log: each was accepted, has one delivery, and is delivered at the first attempt. */
export async function appendHistory(log: LogAppender, events: number): Promise<void> {
  const beginMs = Date.now() - SPAN_MS
  const underWay = new Set<Promise<unknown>>()
  for (let from = 0; from < events;) {
    const batch: NewRecord[] = []
    for (; from < events && batch.length + 3 <= limits.APPEND_RECORDS_MAX; from++)
      batch.push(...recordsOf(from, beginMs + (SPAN_MS * from) / events))
    const append: Promise<unknown> = log.append(batch).finally(() => underWay.delete(append))
    underWay.add(append)
    if (underWay.size >= APPENDS_AT_ONCE) await Promise.race(underWay)
  }
  await Promise.all(underWay)
}

function recordsOf(index: number, ms: number): readonly NewRecord[] {
  const [eventId, subscriptionId = ""] = [newId("event"), SUBSCRIPTIONS[index % SUBSCRIPTIONS.length]]
  const deliveryId = deliveryIdOf(eventId, subscriptionId)
  const [at, type] = [timestampFromMs(Math.floor(ms)), "order.created"]
  const event = create(EventAcceptedSchema, {
    eventId,
    applicationId: APPLICATION,
    type,
    contentType: "application/json",
    payload: PAYLOAD,
    acceptedAt: at,
  })
  const delivery = create(DeliveryFactsSchema, {
    deliveryId,
    applicationId: APPLICATION,
    eventId,
    subscriptionId,
    eventType: type,
    createdAt: at,
  })
  const created = create(AttemptRecordSchema, { record: { case: "created", value: { delivery, firstDueAt: at, matched: 1 } } })
  const finished = create(AttemptRecordSchema, {
    record: {
      case: "finished",
      value: {
        delivery,
        round: 1,
        state: DeliveryState.DELIVERED,
        attempt: {
          id: attemptIdOf(deliveryId, 1),
          number: 1,
          outcome: Outcome.DELIVERED,
          statusCode: 200,
          scheduledAt: at,
          startedAt: at,
          finishedAt: at,
          durationMs: 2.5,
          request: create(AttemptRequestSchema, {
            method: "POST",
            url: "https://hooks.example.com/posthorn/events",
            headers: { "content-type": "application/json", "webhook-id": deliveryId },
          }),
          response: create(AttemptResponseSchema, { headers: { "content-type": "text/plain" }, body: "ok" }),
          phasesMs: create(AttemptPhasesSchema, { dns: 0, connect: 0.2, tls: 0.8, firstByte: 2.1, total: 2.5 }),
        },
      },
    },
  })
  const outcome = (record: AttemptRecord): NewRecord => ({
    topic: "attempts",
    key: subscriptionId,
    value: toBinary(AttemptRecordSchema, record),
  })
  return [
    { topic: "events", key: `${APPLICATION}/${eventId}`, value: toBinary(EventAcceptedSchema, event) },
    outcome(created),
    outcome(finished),
  ]
}
