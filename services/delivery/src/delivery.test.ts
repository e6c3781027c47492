import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf, formatId, type Topic } from "@posthorn/core"
import { createMemoryLog } from "@posthorn/log/memory"
import { AttemptRecordSchema, ConfigChangedSchema, DeadLetterReason, DeadLetterRecordSchema, DeliveryState } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { randomBytes } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { afterEach, expect, test, vi } from "vitest"
import { all, applicationId, history, publish, running, settled, start, stateOf, subscribe, UNREADABLE } from "./delivery-under-test.ts"

afterEach(() => {
  vi.useRealTimers()
})

test("an endpoint that fails twice and then works gets three attempts with one webhook-id, never before they are due", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [0, 1] }, secret: "x" })
  const { sender } = await start(log, (_, nth) => ({ kind: "answer", statusCode: nth < 3 ? 500 : 200 }))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, deliveryId, DeliveryState.DELIVERED)
  expect(sender.requests.map(({ headers }) => [headers["webhook-id"], headers["posthorn-attempt"]])).toEqual(
    [1, 2, 3].map((number) => [deliveryId, `${number}`]),
  )
  const attempts = (await history(log, deliveryId)).flatMap(({ record }) =>
    record.case === "finished" && record.value.attempt ? [record.value.attempt] : [],
  )
  expect(attempts.map(({ number }) => number)).toEqual([1, 2, 3])
  for (const { scheduledAt, startedAt } of attempts) expect(timestampMs(startedAt!)).toBeGreaterThanOrEqual(timestampMs(scheduledAt!))
})

test("an endpoint that never works ends in the dead letters, with its event", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [0, 0] } })
  await start(log, () => ({ kind: "answer", statusCode: 503 }))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, deliveryId, DeliveryState.DEAD)
  const [letter, ...others] = (await all(log, "dead-letters")).map(({ value }) => fromBinary(DeadLetterRecordSchema, value))
  expect(others).toEqual([])
  expect([letter?.reason, letter?.statusCode, letter?.content.case]).toEqual([DeadLetterReason.EXHAUSTED, 503, "delivery"])
})

test("410 disables the subscription, and what comes after gets nothing", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log)
  const { sender } = await start(log, () => ({ kind: "answer", statusCode: 410 }))
  await settled(log, deliveryIdOf(await publish(log), subscription.id), DeliveryState.DEAD)
  await eventually(async () => expect(await all(log, "config")).toHaveLength(3), { timeoutMs: 5000, what: "the change in config" })
  await publish(log)
  await eventually(
    async () => expect((await log.lag("router", ["events"])).every(({ committed, high }) => committed === high)).toBe(true),
    { timeoutMs: 5000, what: "the router at the end" },
  )
  expect(sender.requests).toHaveLength(1)
})

test("a retry whose subscription was deleted ends as cancelled, with the reason", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [1] } })
  await start(log, () => ({ kind: "answer", statusCode: 500 }))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, deliveryId, DeliveryState.RETRYING)
  const gone = create(ConfigChangedSchema, {
    entityId: subscription.id,
    expectedVersion: 1n,
    changeId: "d",
    state: { case: "deleted", value: { kind: "subscription", applicationId } },
  })
  await log.append([{ topic: "config", key: subscription.id, value: toBinary(ConfigChangedSchema, gone) }])
  await settled(log, deliveryId, DeliveryState.CANCELLED)
  expect((await stateOf(log, deliveryId)).reason).toBe("subscription_deleted")
})

test("a hanging endpoint keeps nobody else waiting, and what waits for it loses no attempt", async () => {
  const log = createMemoryLog({ partitions: 1 })
  await subscribe(log, { url: "https://hanging.example.com/", eventTypes: ["slow"], timeoutMs: 60_000 })
  await subscribe(log, { eventTypes: ["fast"] })
  const { sender } = await start(log, ({ url }) => (url.includes("hanging") ? { kind: "hang" } : { kind: "answer", statusCode: 200 }))
  await Promise.all(Array.from({ length: 300 }, () => publish(log, { type: "slow" })))
  await Promise.all(Array.from({ length: 50 }, () => publish(log, { type: "fast" })))
  const sentTo = (host: string) => sender.requests.filter(({ url }) => url.includes(host)).length
  await eventually(() => expect(sentTo("hooks")).toBe(50), { timeoutMs: 10_000, what: "all deliveries to the healthy endpoint" })
  expect(sentTo("hanging")).toBeLessThanOrEqual(8)
  // The crowded lane is put off, uncounted, so the partition moves on.
  await eventually(async () => expect((await all(log, "retry.5s")).length).toBeGreaterThan(200), {
    timeoutMs: 10_000,
    what: "tries put off",
  })
  expect(
    (await all(log, "attempts")).filter(({ value }) => fromBinary(AttemptRecordSchema, value).record.case === "finished"),
  ).toHaveLength(50)
  await sender.close()
})

test("a worker that takes over sends nothing again that has finished, and carries out what had to follow", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [0] } })
  const first = log.another()
  let lost = 0
  const append = first.append.bind(first)
  // The first owner's log takes its attempts and loses everything that follows them: its process ends between the two.
  first.append = async (records) => {
    const kept = records.filter(({ topic }) => topic === "attempts" || topic === "deliveries")
    lost += records.length - kept.length
    const positions = await append(kept)
    return kept.length === records.length ? positions : new Promise<never>(() => {})
  }
  await start(first, () => ({ kind: "answer", statusCode: 500 }))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, deliveryId, DeliveryState.RETRYING)
  await eventually(() => expect(lost).toBe(1), { timeoutMs: 5000, what: "the retry that was lost" })
  first.cutOff()
  const second = await start(log, () => ({ kind: "answer", statusCode: 200 }))
  await settled(log, deliveryId, DeliveryState.DELIVERED)
  expect(second.sender.requests.map(({ headers }) => headers["posthorn-attempt"])).toEqual(["2"])
  running.splice(0, 1)
})

test("records that nobody can read are dead letters, on every topic, and their neighbours are delivered", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log)
  const { failures } = await start(log, () => ({ kind: "answer", statusCode: 200 }))
  const poisoned: Topic[] = ["events", "deliveries", "deliveries.bulk", "control", "parked", "retry.5s", "retry.1h"]
  for (const topic of poisoned)
    for (const value of [Buffer.from("not ours"), new Uint8Array()]) await log.append([{ topic, key: "k", value }])
  await settled(log, deliveryIdOf(await publish(log), subscription.id), DeliveryState.DELIVERED)
  await eventually(async () => expect(await all(log, "dead-letters")).toHaveLength(2 * poisoned.length), {
    timeoutMs: 10_000,
    what: "a dead letter for each",
  })
  for (const { value } of await all(log, "dead-letters")) expect(fromBinary(DeadLetterRecordSchema, value).content.case).toBe("poison")
  expect(failures).toEqual([])
})

test("nothing crosses applications, and nothing is sent that does not match", async () => {
  const log = createMemoryLog()
  await subscribe(log, { eventTypes: ["invoice.*"] })
  const { sender } = await start(log, () => ({ kind: "answer", statusCode: 200 }))
  await publish(log)
  await publish(log, { applicationId: formatId("application", randomBytes(16)), type: "invoice.paid" })
  await publish(log, { type: "invoice.paid" })
  await eventually(() => expect(sender.requests.map(({ headers }) => headers["posthorn-event-type"])).toEqual(["invoice.paid"]), {
    timeoutMs: 5000,
    what: "the one that matches",
  })
})

test("a service that has stopped asks nothing of the log any more", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
  const log = createMemoryLog({ partitions: 1 })
  const { delivery } = await start(log, () => ({ kind: "answer", statusCode: 200 }))
  const lag = log.lag.bind(log)
  let [asked, answered] = [0, 0]
  log.lag = async (group, topics) => {
    asked++
    await pause(200)
    answered++
    return lag(group, topics)
  }
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(asked).toBeGreaterThan(0)
  })
  await delivery.stop()
  running.splice(0)
  expect(answered).toBe(asked)
})

test("a secret that cannot be decrypted fails its own subscription's attempts, unsent, and nobody else's", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const broken = await subscribe(log, { url: "https://broken.example.com/", retryPolicy: { delaysSeconds: [0] } }, UNREADABLE)
  const healthy = await subscribe(log)
  const { sender, failures } = await start(log, () => ({ kind: "answer", statusCode: 200 }))
  const eventId = await publish(log)
  await settled(log, deliveryIdOf(eventId, healthy.id), DeliveryState.DELIVERED)
  await settled(log, deliveryIdOf(eventId, broken.id), DeliveryState.DEAD)
  expect(sender.requests.filter(({ url }) => url.includes("broken"))).toEqual([])
  expect(failures).toEqual([])
})
