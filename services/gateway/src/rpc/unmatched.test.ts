import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ConfigTable, formatId } from "@posthorn/core"
import { ApplicationSchema, DeliverySchema, EventSchema, SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import { unmatchedOf } from "./unmatched.ts"

const applicationId = formatId("application", new Uint8Array(16))
const idOf = (number: number) => formatId("subscription", new Uint8Array(16).fill(number))
const event = create(EventSchema, { applicationId, type: "order.created", createdAt: timestampFromMs(1000) })

test("every subscription that was not sent an event is named with its reason, newest first, and those that were are not", () => {
  const table = new ConfigTable()
  table.put({ kind: "application", version: 1, application: create(ApplicationSchema, { id: applicationId }) })
  const subscriptions = [
    { createdAt: timestampFromMs(500), enabled: true, eventTypes: ["order.*"] },
    { createdAt: timestampFromMs(1001), enabled: true, eventTypes: ["*"] },
    { createdAt: timestampFromMs(500), enabled: false, eventTypes: ["*"] },
    { createdAt: timestampFromMs(500), enabled: true, eventTypes: ["user.*"] },
    { createdAt: timestampFromMs(500), enabled: true, eventTypes: ["order.created"] },
  ]
  subscriptions.forEach((fields, number) => {
    const subscription = create(SubscriptionSchema, { id: idOf(number), applicationId, ...fields })
    table.put({ kind: "subscription", version: 1, subscription, secrets: [], sourceSecret: "", voidBefore: 0 })
  })
  const reasons = (...sentTo: number[]) =>
    unmatchedOf(
      table,
      event,
      sentTo.map((number) => create(DeliverySchema, { subscriptionId: idOf(number) })),
    ).map(({ subscriptionId, reason }) => [subscriptionId, reason])
  const always = [
    [idOf(3), "event_type"],
    [idOf(2), "disabled"],
    [idOf(1), "created_later"],
  ]
  expect(reasons(0, 4)).toEqual(always)
  expect(reasons(0)).toEqual([[idOf(4), "other_ingest"], ...always])
  expect(reasons()).toEqual(always)
})
