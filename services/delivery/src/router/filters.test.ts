import { fromBinary } from "@bufbuild/protobuf"
import type { JsonObject } from "@bufbuild/protobuf"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import { AttemptRecordSchema, type Subscription } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { beforeEach, expect, test } from "vitest"
import { all, publish, start, subscribe } from "../delivery-under-test.ts"

let log: MemoryLog
beforeEach(() => {
  log = createMemoryLog()
})

const wanting = (filter: JsonObject | undefined, eventTypes = ["*"]) => subscribe(log, { eventTypes, ...(filter ? { filter } : {}) })
const delivering = () => start(log, () => ({ kind: "answer", statusCode: 200 }))

/** The subscriptions that were given deliveries of these events, once every one of them has one by `last`, who takes them all. */
async function givenTo(eventIds: readonly string[], last: Subscription): Promise<[string, string][]> {
  const pairs = async (): Promise<[string, string][]> => {
    const records = (await all(log, "attempts")).map(({ value }) => fromBinary(AttemptRecordSchema, value).record)
    return records.flatMap(({ case: kind, value }) =>
      kind === "created" && value.delivery ? [[value.delivery.eventId, value.delivery.subscriptionId] as [string, string]] : [],
    )
  }
  await eventually(
    async () => {
      const seen = await pairs()
      for (const id of eventIds) expect(seen).toContainEqual([id, last.id])
    },
    { timeoutMs: 20_000, what: "every event at the subscription that takes them all" },
  )
  return pairs()
}

test("an event goes to those whose filter takes it and to those without one; what is not JSON fails conditions on data alone", async () => {
  const large = await wanting({ data: { amount: { $gte: 100 } } })
  const fromApi = await wanting({ metadata: { source: "api" }, type: { $startsWith: "order." } })
  const anything = await wanting(undefined)
  await delivering()
  const send = (payload: string, metadata = {}) => publish(log, { payload: Buffer.from(payload), metadata })
  const [small, big, text] = [
    await send('{"amount":99}', { source: "api" }),
    await send('{"amount":100}'),
    await send("amount=100", { source: "api" }),
  ]
  const given = await givenTo([small, big, text], anything)
  const of = ({ id }: Subscription) => given.filter(([, to]) => to === id).map(([eventId]) => eventId)
  expect(of(large)).toEqual([big])
  expect(of(fromApi).toSorted()).toEqual([small, text].toSorted())
})

test("what comes in for one subscription and what Posthorn says itself go through its filter as well", async () => {
  const filtered = await wanting({ data: { a: 2 } }, ["delivery.dead"])
  const anything = await wanting(undefined, ["*", "delivery.dead"])
  await delivering()
  const refused = await publish(log, { onlySubscriptionId: filtered.id })
  const taken = await publish(log, { onlySubscriptionId: filtered.id, payload: Buffer.from('{"a":2}') })
  const operational = await publish(log, { type: "delivery.dead", operational: true })
  const ours = await publish(log, { type: "delivery.dead", operational: true, payload: Buffer.from('{"a":2}') })
  await eventually(async () => expect(await givenTo([operational, ours], anything)).toContainEqual([taken, filtered.id]), {
    timeoutMs: 20_000,
    what: "ingest",
  })
  const given = await givenTo([operational, ours], anything)
  expect(
    given
      .filter(([, to]) => to === filtered.id)
      .map(([eventId]) => eventId)
      .toSorted(),
  ).toEqual([taken, ours].toSorted())
  expect(given.map(([eventId]) => eventId)).not.toContain(refused)
})

test("a filter that this version does not understand takes nothing and stops nobody", async () => {
  const unknown = await wanting({ data: { a: { $later: 1 } } })
  const anything = await wanting(undefined)
  await delivering()
  const given = await givenTo([await publish(log), await publish(log)], anything)
  expect(given.map(([, to]) => to)).not.toContain(unknown.id)
})
