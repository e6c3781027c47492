import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ConfigTable, formatId } from "@posthorn/core"
import { ApplicationSchema, DeliverySchema, EventSchema, SubscriptionSchema, type UnmatchedSubscription } from "@posthorn/proto"
import { expect, test } from "vitest"
import { unmatchedOf } from "./unmatched.ts"

const applicationId = formatId("application", new Uint8Array(16))
const idOf = (number: number) => formatId("subscription", new Uint8Array(16).fill(number))
const event = create(EventSchema, { applicationId, metadata: { source: "api" }, type: "order.created", createdAt: timestampFromMs(1000) })

const created = timestampFromMs(500)
const payload = async () => new TextEncoder().encode('{"amount":99,"tags":["a","b"]}')
type Fields = Pick<MessageInitShape<typeof SubscriptionSchema>, "createdAt" | "enabled" | "eventTypes" | "filter">

function holding(...subscriptions: readonly Fields[]): ConfigTable {
  const table = new ConfigTable()
  table.put({ kind: "application", version: 1, application: create(ApplicationSchema, { id: applicationId }) })
  subscriptions.forEach((fields, number) => {
    const subscription = create(SubscriptionSchema, { id: idOf(number), applicationId, createdAt: created, enabled: true, ...fields })
    table.put({ kind: "subscription", version: 1, subscription, secrets: [], sourceSecret: "", sourceSecretFingerprint: "", voidBefore: 0 })
  })
  return table
}

const delivered = (...sentTo: number[]) => sentTo.map((number) => create(DeliverySchema, { subscriptionId: idOf(number) }))
const reasonsOf = (unmatched: UnmatchedSubscription[]) => unmatched.map(({ subscriptionId, reason }) => [subscriptionId, reason])

test("every subscription that was not sent an event is named with its reason, newest first, and those that were or will be are not", async () => {
  const table = holding(
    { eventTypes: ["order.*"] },
    { createdAt: timestampFromMs(1001), eventTypes: ["*"] },
    { enabled: false, eventTypes: ["*"] },
    { eventTypes: ["user.*"] },
    { eventTypes: ["order.created"] },
  )
  const always = [
    [idOf(3), "event_type"],
    [idOf(2), "disabled"],
    [idOf(1), "created_later"],
  ]
  for (const sentTo of [[0, 4], [0], []])
    expect(reasonsOf(await unmatchedOf(table, { event, deliveries: delivered(...sentTo), payload }))).toEqual(always)
  const ingested = create(EventSchema, { ...event, onlySubscriptionId: idOf(3) })
  expect(reasonsOf(await unmatchedOf(table, { event: ingested, deliveries: [], payload }))).toEqual([
    [idOf(4), "other_ingest"],
    [idOf(2), "disabled"],
    [idOf(1), "created_later"],
    [idOf(0), "other_ingest"],
  ])
})

test("a subscription whose filter does not take the event is named with the clause that fails", async () => {
  const table = holding(
    { eventTypes: ["*"], filter: { data: { amount: { $gte: 100 } } } },
    { eventTypes: ["*"], filter: { data: { tags: "c" } } },
    { eventTypes: ["*"], filter: { metadata: { source: "api" }, data: { amount: 99 } } },
    { eventTypes: [], filter: { data: { other: 1 } } },
  )
  let reads = 0
  const counted = () => {
    reads++
    return payload()
  }
  const unmatched = await unmatchedOf(table, { event, deliveries: [], payload: counted })
  expect(unmatched).toMatchObject([
    { subscriptionId: idOf(3), reason: "event_type" },
    { subscriptionId: idOf(1), failedClause: { path: "data.tags[*]", operator: "$eq", expected: '"c"', actual: '["a", "b"]' } },
    { subscriptionId: idOf(0), reason: "filter", failedClause: { path: "data.amount", operator: "$gte", expected: "100", actual: "99" } },
  ])
  expect(reads).toBe(1)
  const ingested = create(EventSchema, { ...event, onlySubscriptionId: idOf(3) })
  expect((await unmatchedOf(table, { event: ingested, deliveries: [], payload }))[0]).toMatchObject({
    subscriptionId: idOf(3),
    failedClause: { path: "data.other", actual: "" },
  })
})
