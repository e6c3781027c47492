import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf, deliveryIn, limits, REASONS } from "@posthorn/core"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import {
  AttemptRecordSchema,
  ControlRecordSchema,
  DeliveryDueSchema,
  DeliveryState,
  type ControlRecord,
  type DeliveryDue,
} from "@posthorn/proto"
import type { MessageInitShape } from "@bufbuild/protobuf"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { all, history, publish, reconfigure, settled, start, stateOf, subscribe } from "../delivery-under-test.ts"

const IN_TIME = { timeoutMs: 10_000 }
const ok = () => ({ kind: "answer", statusCode: 200 }) as const
const fails = () => ({ kind: "answer", statusCode: 500 }) as const

const control = (log: MemoryLog, key: string, record: MessageInitShape<typeof ControlRecordSchema>["record"]) =>
  log.append([{ topic: "control", key, value: toBinary(ControlRecordSchema, create(ControlRecordSchema, { record } as ControlRecord)) }])

async function dueIn(log: MemoryLog, tier: "retry.1h" | "retry.5s"): Promise<DeliveryDue> {
  const [record] = await eventually(async () => {
    const records = await all(log, tier)
    return records.length > 0 && records
  }, IN_TIME)
  return fromBinary(DeliveryDueSchema, record!.value)
}

test("what is due while a subscription is paused waits, over a change of owner, and goes out once when it is resumed", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { paused: true })
  const first = log.another()
  const before = await start(first, ok)
  const events = await Promise.all(Array.from({ length: 30 }, () => publish(log)))
  await eventually(async () => expect(await all(log, "parked")).toHaveLength(30), IN_TIME)
  expect(before.sender.requests).toEqual([])
  first.cutOff()
  const after = await start(log, ok)
  await reconfigure(log, subscription, { paused: false })
  for (const eventId of events) await settled(log, deliveryIdOf(eventId, subscription.id), DeliveryState.DELIVERED)
  expect(new Set(after.sender.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(30)
  expect(after.sender.requests).toHaveLength(30)
  // Paused and resumed again, nothing of the first backlog comes back.
  await reconfigure(log, subscription, { paused: true, version: 2 })
  const later = await publish(log)
  await eventually(async () => expect((await all(log, "parked")).length).toBeGreaterThan(31), IN_TIME)
  await reconfigure(log, subscription, { paused: false, version: 3 })
  await settled(log, deliveryIdOf(later, subscription.id), DeliveryState.DELIVERED)
  expect(after.sender.requests).toHaveLength(31)
})

test("a paused subscription's backlog is cancelled when it is disabled", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { paused: true })
  const { sender } = await start(log, ok)
  const eventId = await publish(log)
  await eventually(async () => expect(await all(log, "parked")).toHaveLength(1), IN_TIME)
  await reconfigure(log, subscription, { enabled: false, paused: true })
  await settled(log, deliveryIdOf(eventId, subscription.id), DeliveryState.CANCELLED)
  expect(sender.requests).toEqual([])
})

test("disabling cancels a retry that is an hour away within seconds, and enabling again does not bring it back", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [3600] } })
  let broken = true
  const { sender } = await start(log, () => (broken ? fails() : ok()))
  const old = deliveryIdOf(await publish(log), subscription.id)
  const due = await dueIn(log, "retry.1h")
  await reconfigure(log, subscription, { enabled: false })
  await settled(log, old, DeliveryState.CANCELLED)
  expect((await stateOf(log, old)).reason).toBe(REASONS.disabled)
  broken = false
  await reconfigure(log, subscription, { enabled: true, version: 2 })
  // Its copy in the tier comes early here: it is not sent.
  await log.append([{ topic: "deliveries", key: subscription.id, value: toBinary(DeliveryDueSchema, due) }])
  const fresh = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, fresh, DeliveryState.DELIVERED)
  expect(sender.requests.map(({ headers }) => headers["webhook-id"])).toEqual([old, fresh])
})

test("a try that is cancelled while it waits ends there: its copy in the tier is not sent", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [3600] } })
  const { sender } = await start(log, fails)
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  const due = await dueIn(log, "retry.1h")
  const delivery = deliveryIn((await history(log, deliveryId))[0]!)
  const cancel = { delivery: delivery!, round: 1, attempt: 2, dueAt: due.dueAt!, reason: "not wanted" }
  await control(log, subscription.id, { case: "cancel", value: cancel })
  await settled(log, deliveryId, DeliveryState.CANCELLED)
  expect((await stateOf(log, deliveryId)).reason).toBe("not wanted")
  const moved = create(DeliveryDueSchema, { ...due, dueAt: timestampFromMs(Date.now()) })
  await log.append([{ topic: "deliveries", key: subscription.id, value: toBinary(DeliveryDueSchema, moved) }])
  await eventually(async () => {
    const lags = await log.lag("delivery", ["deliveries", "control"])
    expect(lags.every(({ committed, high }) => committed === high)).toBe(true)
  }, IN_TIME)
  expect(sender.requests).toHaveLength(1)
  // What had ended or is under way is not cancelled after the fact.
  await control(log, subscription.id, { case: "cancel", value: { ...cancel, attempt: 1, reason: "too late" } })
  await eventually(async () => {
    expect((await log.lag("delivery", ["control"])).every(({ committed, high }) => committed === high)).toBe(true)
  }, IN_TIME)
  expect((await history(log, deliveryId)).some((each) => each.record.case === "settled" && each.record.value.reason === "too late")).toBe(
    false,
  )
})

test("a try that somebody wants now is made now, once, and its schedule goes on from there", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [3600, 3600] } })
  const { sender } = await start(log, (_, nth) => (nth < 2 ? fails() : ok()))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  const due = await dueIn(log, "retry.1h")
  const now = create(DeliveryDueSchema, { ...due, dueAt: timestampFromMs(Date.now()), hastened: true })
  await control(log, subscription.id, { case: "run", value: { due: now, dueAt: due.dueAt! } })
  await settled(log, deliveryId, DeliveryState.DELIVERED)
  const copy = create(DeliveryDueSchema, { ...due, dueAt: timestampFromMs(Date.now()) })
  await log.append([{ topic: "deliveries", key: subscription.id, value: toBinary(DeliveryDueSchema, copy) }])
  await eventually(async () => {
    expect((await log.lag("delivery", ["deliveries"])).every(({ committed, high }) => committed === high)).toBe(true)
  }, IN_TIME)
  expect(sender.requests.map(({ headers }) => headers["posthorn-attempt"])).toEqual(["1", "2"])
})

test("a burst for one subscription beyond its share runs in the lower class, and all of it arrives", async () => {
  const log = createMemoryLog({ partitions: 1 })
  await subscribe(log)
  const { sender } = await start(log, ok)
  const count = limits.LIVE_BURST + 200
  await Promise.all(Array.from({ length: count }, () => publish(log)))
  await eventually(() => expect(sender.requests).toHaveLength(count), { timeoutMs: 20_000 })
  const bulk = (await all(log, "deliveries.bulk")).map(({ value }) => fromBinary(DeliveryDueSchema, value))
  expect(bulk.length).toBeGreaterThan(0)
  expect(bulk.every((due) => due.bulk)).toBe(true)
  expect((await all(log, "deliveries")).length + bulk.length).toBe(count)
})

test("a rate limit is kept over classes and backlog", async () => {
  const log = createMemoryLog({ partitions: 1 })
  await subscribe(log, { rateLimit: { count: 50, periodSeconds: 1 } })
  const startedAt: number[] = []
  await start(log, () => {
    startedAt.push(performance.now())
    return ok()
  })
  await Promise.all(Array.from({ length: 250 }, () => publish(log)))
  await eventually(() => expect(startedAt).toHaveLength(250), { timeoutMs: 30_000 })
  // Timers are late, never early: in no second more than its share, and what they are late by is made up for.
  for (const [index, at] of startedAt.entries())
    expect(startedAt.slice(index).filter((each) => each < at + 1000).length).toBeLessThanOrEqual(56)
})

test("a redriven round goes on counting attempts under the same webhook-id, in the lower class", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const subscription = await subscribe(log, { retryPolicy: { retryCount: 0 } })
  const { sender } = await start(log, (_, nth) => (nth < 2 ? fails() : ok()))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  await settled(log, deliveryId, DeliveryState.DEAD)
  const [first] = (await all(log, "deliveries")).map(({ value }) => fromBinary(DeliveryDueSchema, value))
  const at = timestampFromMs(Date.now())
  const again = create(DeliveryDueSchema, {
    ...first!,
    round: 2,
    attempt: 2,
    roundFirstAttempt: 2,
    dueAt: at,
    roundBeganAt: at,
    bulk: true,
  })
  const requeued = create(AttemptRecordSchema, {
    record: { case: "requeued", value: { delivery: { deliveryId }, round: 2, attemptCount: 1, dueAt: at } },
  })
  await log.append([
    { topic: "attempts", key: subscription.id, value: toBinary(AttemptRecordSchema, requeued) },
    { topic: "deliveries.bulk", key: subscription.id, value: toBinary(DeliveryDueSchema, again) },
  ])
  await settled(log, deliveryId, DeliveryState.DELIVERED)
  expect(sender.requests.map(({ headers }) => [headers["webhook-id"], headers["posthorn-attempt"]])).toEqual([
    [deliveryId, "1"],
    [deliveryId, "2"],
  ])
})
