import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { decideRequeue, deliveryIdOf, EVENT_TOPICS, limits } from "@posthorn/core"
import { createMemoryLog } from "@posthorn/log/memory"
import {
  ActorSchema,
  AttemptRecordSchema,
  BreakerState,
  ControlRecordSchema,
  DeliveryDueSchema,
  DeliveryState,
  EventAcceptedSchema,
} from "@posthorn/proto"
import { systemClock, type Clock } from "@posthorn/runtime"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { all, publish, settled, start, subscribe } from "../delivery-under-test.ts"

const IN_TIME = { timeoutMs: 20_000 }

/** A clock that can be put forward. */
function movableClock(): { readonly clock: Clock; forward(ms: number): void } {
  let aheadMs = 0
  const nowMs = (): number => Date.now() + aheadMs
  return { clock: { ...systemClock, nowMs, monotonicMs: () => performance.now() + aheadMs }, forward: (ms) => void (aheadMs += ms) }
}

test("an endpoint that fails for long is left alone until a probe succeeds; whoever takes over knows, and both ends are told", async () => {
  const { clock, forward } = movableClock()
  const log = createMemoryLog({ partitions: 1, clock: () => clock.nowMs() })
  const failing = await subscribe(log, { eventTypes: ["order.*"], retryPolicy: { retryCount: 0 } })
  await subscribe(log, { url: "https://watcher.example.com/", eventTypes: ["subscription.failing", "subscription.recovered"] })
  let broken = true
  const script = ({ url }: { readonly url: string }) =>
    ({ kind: "answer", statusCode: broken && !url.includes("watcher") ? 500 : 200 }) as const
  const client = log.another()
  const first = await start(client, script, clock)
  const sent = (sender: typeof first.sender) => sender.requests.filter(({ url }) => !url.includes("watcher")).length
  for (let count = 1; count < limits.BREAKER_FAILURES; count++) await publish(log)
  await eventually(() => expect(sent(first.sender)).toBe(limits.BREAKER_FAILURES - 1), IN_TIME)
  forward(limits.BREAKER_SPAN_MS)
  await publish(log)
  const opened = await eventually(async () => (await all(log, "control"))[0] ?? false, IN_TIME)
  expect(fromBinary(ControlRecordSchema, opened.value).record).toMatchObject({
    case: "breaker",
    value: { subscriptionId: failing.id, health: { state: BreakerState.OPEN, reason: "answered 500", consecutiveFailures: 10 } },
  })
  const held = deliveryIdOf(await publish(log), failing.id)
  client.cutOff()
  const second = await start(log, script, clock)
  broken = false
  const alsoHeld = deliveryIdOf(await publish(log), failing.id)
  await settled(log, held, DeliveryState.DELIVERED)
  await settled(log, alsoHeld, DeliveryState.DELIVERED)
  const attempts = (await all(log, "attempts")).map(({ value }) => fromBinary(AttemptRecordSchema, value).record)
  const healths = attempts.flatMap((record) =>
    record.case === "finished" && record.value.health && record.value.delivery?.subscriptionId === failing.id
      ? [record.value.health.state]
      : [],
  )
  expect([healths.at(-2), healths.at(-1)]).toEqual([BreakerState.OPEN, BreakerState.CLOSED])
  expect(sent(second.sender)).toBeGreaterThanOrEqual(2)
  await eventually(async () => {
    // Whoever was cut off and does not know it yet may send what the next owner sends again.
    const told = new Map(
      [...first.sender.requests, ...second.sender.requests]
        .filter(({ url }) => url.includes("watcher"))
        .map(({ headers }) => [headers["webhook-id"], headers["posthorn-event-type"]]),
    )
    expect([...told.values()]).toEqual(["subscription.failing", "subscription.recovered"])
  }, IN_TIME)
})

test("what waits for a probe goes out at once when a try that somebody asked for has shown that the endpoint works", async () => {
  // It stands still, so that the probe's time never comes.
  let nowMs = Date.now() + 3_600_000
  const clock = { ...systemClock, nowMs: () => nowMs }
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { retryCount: 0 } })
  let broken = true
  const { sender } = await start(log, () => ({ kind: "answer", statusCode: broken ? 500 : 200 }), clock)
  const deadly = await publish(log)
  for (let count = 2; count < limits.BREAKER_FAILURES; count++) await publish(log)
  await eventually(() => expect(sender.requests).toHaveLength(limits.BREAKER_FAILURES - 1), IN_TIME)
  nowMs += limits.BREAKER_SPAN_MS
  await publish(log)
  await eventually(async () => expect(await all(log, "control")).toHaveLength(1), IN_TIME)
  broken = false
  const held = await publish(log)
  const dues = await eventually(async () => {
    const found = (await all(log, "deliveries")).map(({ value }) => fromBinary(DeliveryDueSchema, value))
    return found.some(({ event }) => event?.eventId === held) && found
  }, IN_TIME)
  const last = dues.find(({ event }) => event?.eventId === deadly)!
  const actor = create(ActorSchema, { id: "somebody" })
  const { due } = decideRequeue(last, { nowMs, configPosition: (await log.ends("config"))[0]!.high, actor, taskId: "" })
  await log.append([{ topic: "deliveries", key: subscription.id, value: toBinary(DeliveryDueSchema, due) }])
  await settled(log, deliveryIdOf(held, subscription.id), DeliveryState.DELIVERED)
  expect(sender.requests.slice(-2).map(({ headers }) => headers["webhook-id"])).toEqual(
    [deadly, held].map((eventId) => deliveryIdOf(eventId, subscription.id)),
  )
})

test("dead deliveries are told to who names the event, not to who wants everything, and what is told of gives rise to no more", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const everything = await subscribe(log, { url: "https://all.example.com/", retryPolicy: { retryCount: 0 } })
  await subscribe(log, { url: "https://watcher.example.com/", eventTypes: ["delivery.dead"], retryPolicy: { retryCount: 0 } })
  const { sender } = await start(log, () => ({ kind: "answer", statusCode: 500 }))
  const eventId = await publish(log)
  await settled(log, deliveryIdOf(eventId, everything.id), DeliveryState.DEAD)
  await eventually(async () => expect(await all(log, "dead-letters")).toHaveLength(2), IN_TIME)
  await eventually(async () => {
    expect((await log.lag("router", EVENT_TOPICS)).every(({ committed, high }) => committed === high)).toBe(true)
  }, IN_TIME)
  const published = [...(await all(log, "events")), ...(await all(log, "events.bulk"))]
  const events = published.map(({ value }) => fromBinary(EventAcceptedSchema, value))
  expect(events.map(({ type, operational }) => [type, operational])).toEqual([
    ["order.created", false],
    ["delivery.dead", true],
  ])
  expect(JSON.parse(new TextDecoder().decode(events[1]!.payload))).toMatchObject({
    eventId,
    subscriptionId: everything.id,
    attempts: 1,
    statusCode: 500,
  })
  expect(sender.requests.map(({ url }) => new URL(url).host)).toEqual(["all.example.com", "watcher.example.com"])
})

test("410 tells that the subscription is disabled", async () => {
  const log = createMemoryLog({ partitions: 1 })
  await subscribe(log, { eventTypes: ["order.*"] })
  await subscribe(log, { url: "https://watcher.example.com/", eventTypes: ["subscription.disabled"] })
  const { sender } = await start(log, ({ url }) => ({ kind: "answer", statusCode: url.includes("watcher") ? 200 : 410 }))
  await publish(log)
  await eventually(() => expect(sender.requests.filter(({ url }) => url.includes("watcher"))).toHaveLength(1), IN_TIME)
})
