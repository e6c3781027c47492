import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ConfigTable, formatId } from "@posthorn/core"
import { ApplicationSchema, DeliverySchema, EventSchema, SubscriptionSchema, type UnmatchedSubscription } from "@posthorn/proto"
import type { SubscriptionHistory, SubscriptionSettings } from "@posthorn/store"
import { expect, test } from "vitest"
import { unmatchedOf, type SeenEvent } from "./unmatched.ts"

const applicationId = formatId("application", new Uint8Array(16))
const idOf = (number: number) => formatId("subscription", new Uint8Array(16).fill(number))
const event = create(EventSchema, { applicationId, metadata: { source: "api" }, type: "order.created", createdAt: timestampFromMs(1000) })

const created = timestampFromMs(500)
const payload = async () => new TextEncoder().encode('{"amount":99,"tags":["a","b"]}')
type Fields = Pick<MessageInitShape<typeof SubscriptionSchema>, "createdAt" | "updatedAt" | "enabled" | "eventTypes" | "filter">

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
/** Nothing has changed since. */
const unchanged = async () => ({ histories: [], more: false })
const judged = async (table: ConfigTable, seen: Omit<SeenEvent, "historyOf">, historyOf: SeenEvent["historyOf"] = unchanged) =>
  (await unmatchedOf(table, { ...seen, historyOf })).unmatched
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
    expect(reasonsOf(await judged(table, { event, deliveries: delivered(...sentTo), payload }))).toEqual(always)
  const ingested = create(EventSchema, { ...event, onlySubscriptionId: idOf(3) })
  expect(reasonsOf(await judged(table, { event: ingested, deliveries: [], payload }))).toEqual([
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
  const unmatched = await judged(table, { event, deliveries: [], payload: counted })
  expect(unmatched).toMatchObject([
    { subscriptionId: idOf(3), reason: "event_type" },
    { subscriptionId: idOf(1), failedClause: { path: "data.tags[*]", operator: "$eq", expected: '"c"', actual: '["a", "b"]' } },
    { subscriptionId: idOf(0), reason: "filter", failedClause: { path: "data.amount", operator: "$gte", expected: "100", actual: "99" } },
  ])
  expect(reads).toBe(1)
  const ingested = create(EventSchema, { ...event, onlySubscriptionId: idOf(3) })
  expect((await judged(table, { event: ingested, deliveries: [], payload }))[0]).toMatchObject({
    subscriptionId: idOf(3),
    failedClause: { path: "data.other", actual: "" },
  })
})

const settings = (more: Partial<SubscriptionSettings> = {}): SubscriptionSettings => ({
  enabled: true,
  eventTypes: ["*"],
  filter: undefined,
  url: "https://example.com/",
  ...more,
})
const history = (number: number, was: SubscriptionHistory["was"], became: SubscriptionHistory["became"] = []): SubscriptionHistory => ({
  subscriptionId: idOf(number),
  was,
  became,
  deletedAt: became.includes("not there") ? timestampFromMs(5000) : undefined,
})
const changed = { createdAt: created, updatedAt: timestampFromMs(2000), eventTypes: ["*"] }

test("a subscription that has been changed since is judged by what it was, and not by what it is", async () => {
  const table = holding(
    { ...changed },
    { ...changed, enabled: false },
    { ...changed, eventTypes: ["user.*"] },
    { ...changed, createdAt: timestampFromMs(999) },
    { ...changed, eventTypes: ["user.*"] },
  )
  const asked: string[][] = []
  const historyOf = async ({ changedSince }: { readonly changedSince: readonly string[] }) => {
    asked.push([...changedSince])
    return {
      histories: [
        history(0, settings({ eventTypes: ["user.*"] })),
        history(1, settings({ filter: { data: { amount: 100 } } }), [settings({ enabled: false })]),
        // It took the event, and the router saw what came next, or has not come to it.
        history(2, settings(), [settings(), settings({ enabled: false })]),
        // Made after the event by the order of the log, though clocks say otherwise.
        history(3, "not there", [settings()]),
      ],
      more: true,
    }
  }
  const found = await unmatchedOf(table, { event, deliveries: [], payload, historyOf })
  expect(found.more).toBe(true)
  expect(found.unmatched.map(({ subscriptionId, reason, settings: by }) => [subscriptionId, reason, by])).toEqual([
    [idOf(4), "event_type", "now"],
    [idOf(3), "created_later", "then"],
    [idOf(2), "disabled", "then"],
    [idOf(1), "filter", "then"],
    [idOf(0), "event_type", "then"],
  ])
  expect(asked).toEqual([[4, 3, 2, 1, 0].map(idOf)])
})

test("a subscription that has been deleted since is still named, with where it sent to; one that came after the event and went is not", async () => {
  const historyOf = async () => ({
    histories: [
      history(7, settings({ eventTypes: ["user.*"], url: "https://old.example.com/" }), ["not there"]),
      history(8, settings(), ["not there"]),
      history(9, "not there", [settings(), "not there"]),
      history(6, settings(), ["not there"]),
    ],
    more: false,
  })
  const found = await judged(holding(), { event, deliveries: delivered(6), payload }, historyOf)
  expect(found).toMatchObject([
    { subscriptionId: idOf(7), reason: "event_type", settings: "then", url: "https://old.example.com/", deletedAt: timestampFromMs(5000) },
    { subscriptionId: idOf(8), reason: "deleted", settings: "then" },
  ])
})

test("what Posthorn says itself goes to those that name it, and a wildcard is no match", async () => {
  const table = holding({ eventTypes: ["*", "order.*"] }, { eventTypes: ["order.created"] })
  const operational = create(EventSchema, { ...event, operational: true })
  expect(reasonsOf(await judged(table, { event: operational, deliveries: [], payload }))).toEqual([[idOf(0), "event_type"]])
})
