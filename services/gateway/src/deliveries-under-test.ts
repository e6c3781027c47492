import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { attemptIdOf, deliveryIdOf, type Topic } from "@posthorn/core"
import {
  AttemptRecordSchema,
  DeadLetterReason,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  DeliveryFactsSchema,
  DeliveryState,
  EventAcceptedSchema,
  Outcome,
  type DeliveryDue,
  type DeliveryFacts,
} from "@posthorn/proto"
import { expect } from "vitest"
import type { Answer, GatewayUnderTest, Installation } from "./gateway-under-test.ts"

/** A tenant of its own, with a subscription and the keys to look and to manage. */
export interface Tenant {
  readonly application: string
  readonly subscription: string
  readonly admin: string
  readonly viewer: string
}

export interface Sent {
  readonly id: string
  readonly facts: DeliveryFacts
}

/** When everything happens, but for what the gateway does itself. */
export const NOW_MS = Date.now()

export const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}

/** Deliveries of one installation as the delivery service would leave them in the log, without the service. */
export function deliveriesOf({ log }: Installation, { ask }: Pick<GatewayUnderTest, "ask">) {
  const post = async (path: string, body: object = {}, key?: string) => ask(`POST ${path}`, { body, ...(key ? { key } : {}) })
  const append = (topic: Topic, key: string, value: Uint8Array) => log.append([{ topic, key, value }])

  async function recordsOf<Desc extends DescMessage>(topic: Topic, schema: Desc): Promise<MessageShape<Desc>[]> {
    const found: MessageShape<Desc>[] = []
    const ranges = (await log.ends(topic)).map(({ partition, low, high }) => ({ topic, partition, from: low, to: high }))
    await log.read(ranges, (records) => found.push(...records.map(({ value }) => fromBinary(schema, value))))
    return found
  }
  const eventOf = async (id: string) => (await recordsOf("events", EventAcceptedSchema)).find(({ eventId }) => eventId === id)!

  const outcome = ({ facts }: Sent, record: object) =>
    append("attempts", facts.subscriptionId, toBinary(AttemptRecordSchema, create(AttemptRecordSchema, { record: record as never })))

  return {
    post,
    append,
    recordsOf,
    eventOf,
    outcome,

    async tenant(): Promise<Tenant> {
      const application: string = ok(await post("/v1/applications", { name: "shop" })).id
      const wanted = { url: "https://example.com/", eventTypes: ["*"] }
      const subscription: string = ok(await post(`/v1/applications/${application}/subscriptions`, wanted)).id
      const key = async (role: string): Promise<string> =>
        ok(await post(`/v1/applications/${application}/keys`, { role, name: role })).token
      return { application, subscription, admin: await key("admin"), viewer: await key("viewer") }
    },

    async duesOf(topic: "deliveries" | "deliveries.bulk", to: Pick<Tenant, "subscription">): Promise<DeliveryDue[]> {
      return (await recordsOf(topic, DeliveryDueSchema)).filter(({ subscriptionId }) => subscriptionId === to.subscription)
    },

    /** An accepted event with its delivery, as the router leaves it. */
    async sent({ application, subscription }: Tenant): Promise<Sent> {
      const body = `{"applicationId":"${application}","type":"order.made","data":[1.50],"metadata":{"a":"b"}}`
      const { id } = ok(await ask("POST /v1/events", { body, headers: { "content-type": "application/json" } }))
      const { acceptedAt: createdAt } = await eventOf(id)
      const deliveryId = deliveryIdOf(id, subscription)
      const names = { deliveryId, applicationId: application, eventId: id, subscriptionId: subscription, eventType: "order.made" }
      const delivery = { id: deliveryId, facts: create(DeliveryFactsSchema, { ...names, createdAt: createdAt! }) }
      await outcome(delivery, { case: "created", value: { delivery: delivery.facts, firstDueAt: createdAt } })
      return delivery
    },

    /** An attempt that ended, as the worker leaves it; with its dead letter when it was the last. */
    async attempted(to: Sent, number: number, state: DeliveryState, more: object = {}): Promise<void> {
      const at = timestampFromMs(NOW_MS + number * 1000)
      const delivered = state === DeliveryState.DELIVERED
      const ended = { outcome: delivered ? Outcome.DELIVERED : Outcome.FAILED, statusCode: delivered ? 200 : 503 }
      const attempt = { id: attemptIdOf(to.id, number), number, ...ended, scheduledAt: at, startedAt: at, finishedAt: at }
      const next = state === DeliveryState.RETRYING ? { nextAttemptAt: timestampFromMs(NOW_MS + 3_600_000) } : {}
      await outcome(to, { case: "finished", value: { delivery: to.facts, round: 1, attempt, state, ...next, ...more } })
      if (state !== DeliveryState.DEAD) return
      const { subscriptionId, createdAt, eventId } = to.facts
      const due = { deliveryId: to.id, subscriptionId, round: 1, attempt: number, event: await eventOf(eventId), createdAt }
      const content = { case: "delivery", value: due }
      const letter = { reason: DeadLetterReason.EXHAUSTED, statusCode: 503, deadAt: timestampFromMs(NOW_MS), content }
      await append("dead-letters", subscriptionId, toBinary(DeadLetterRecordSchema, create(DeadLetterRecordSchema, letter as never)))
    },
  }
}
