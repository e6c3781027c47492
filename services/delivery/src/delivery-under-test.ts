import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { deliveryIn, evolve, formatId, START, type Topic } from "@posthorn/core"
import type { MemoryLog } from "@posthorn/log/memory"
import type { LogRecord } from "@posthorn/log"
import { createScriptedSender, type Script } from "@posthorn/outbound/scripted"
import {
  ApplicationSchema,
  AttemptRecordSchema,
  ConfigChangedSchema,
  type DeliveryState,
  EventAcceptedSchema,
  SubscriptionSchema,
  type AttemptRecord,
  type Subscription,
} from "@posthorn/proto"
import { createCrypto, Metrics, systemClock, type Clock } from "@posthorn/runtime"
import { eventually } from "@posthorn/testkit"
import type { MessageInitShape } from "@bufbuild/protobuf"
import { randomBytes } from "node:crypto"
import { afterEach, expect } from "vitest"
import { startDelivery, type Delivery } from "./delivery.ts"
import { deliveryEvents } from "./events.ts"

const silent = { error() {}, warn() {}, info() {}, debug() {} }
export const applicationId = formatId("application", randomBytes(16))
export const UNREADABLE = "encrypted with a key that is gone"
export const running: Delivery[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((delivery) => delivery.stop()))
})

/** A delivery service on that log, which is stopped after the test. */
export async function start(log: MemoryLog, script: Script, clock: Clock = systemClock) {
  const sender = createScriptedSender(script)
  const failures: Error[] = []
  const delivery = await startDelivery({
    log,
    sender,
    crypto: createCrypto(),
    clock,
    events: deliveryEvents(silent, new Metrics()),
    decryptSecret: (text) => {
      if (text === UNREADABLE) throw new Error("no such key")
      return text
    },
    failed: (error) => failures.push(error),
  })
  running.push(delivery)
  return { sender, failures, delivery }
}

export async function subscribe(
  log: MemoryLog,
  init: MessageInitShape<typeof SubscriptionSchema> = {},
  encrypted?: string,
): Promise<Subscription> {
  const subscription = create(SubscriptionSchema, {
    id: formatId("subscription", randomBytes(16)),
    applicationId,
    url: "https://hooks.example.com/",
    eventTypes: ["*"],
    enabled: true,
    ...init,
  })
  const application = create(ConfigChangedSchema, {
    entityId: applicationId,
    changeId: "a",
    state: { case: "application", value: { application: create(ApplicationSchema, { id: applicationId }) } },
  })
  const change = create(ConfigChangedSchema, {
    entityId: subscription.id,
    changeId: "s",
    state: { case: "subscription", value: { subscription, secrets: encrypted === undefined ? [] : [{ encrypted }] } },
  })
  await log.append(
    [application, change].map((each) => ({ topic: "config", key: each.entityId, value: toBinary(ConfigChangedSchema, each) })),
  )
  return subscription
}

export async function publish(log: MemoryLog, more: MessageInitShape<typeof EventAcceptedSchema> = {}): Promise<string> {
  const eventId = formatId("event", randomBytes(16))
  const now = timestampFromMs(Date.now())
  const configPosition = BigInt((await log.ends("config"))[0]?.high ?? 0)
  const event = create(EventAcceptedSchema, {
    eventId,
    applicationId,
    type: "order.created",
    contentType: "application/json",
    payload: Buffer.from('{"a":1}'),
    acceptedAt: now,
    occurredAt: now,
    configPosition,
    ...more,
  })
  await log.append([{ topic: "events", key: `${applicationId}/${eventId}`, value: toBinary(EventAcceptedSchema, event) }])
  return eventId
}

export async function all(log: MemoryLog, topic: Topic): Promise<LogRecord[]> {
  const found: LogRecord[] = []
  const ends = await log.ends(topic)
  await log.read(
    ends.map(({ partition, low, high }) => ({ topic, partition, from: low, to: high })),
    (records) => void found.push(...records),
  )
  return found
}

export async function history(log: MemoryLog, deliveryId: string): Promise<AttemptRecord[]> {
  const records = (await all(log, "attempts")).map(({ value }) => fromBinary(AttemptRecordSchema, value))
  return records.filter((record) => deliveryIn(record)?.deliveryId === deliveryId)
}

export const stateOf = async (log: MemoryLog, deliveryId: string) => (await history(log, deliveryId)).reduce(evolve, START)
export const settled = async (log: MemoryLog, deliveryId: string, state: DeliveryState) =>
  eventually(async () => expect((await stateOf(log, deliveryId)).state).toBe(state), {
    timeoutMs: 20_000,
    what: `delivery in state ${state}`,
  })

/** Changes a subscription as the gateway does, from its first version or a later one. */
export async function reconfigure(
  log: MemoryLog,
  subscription: Subscription,
  { version = 1, ...fields }: Partial<Omit<Subscription, "$typeName">> & { readonly version?: number },
): Promise<void> {
  const change = create(ConfigChangedSchema, {
    entityId: subscription.id,
    expectedVersion: BigInt(version),
    changeId: `change ${version}`,
    state: { case: "subscription", value: { subscription: create(SubscriptionSchema, { ...subscription, ...fields }) } },
  })
  await log.append([{ topic: "config", key: subscription.id, value: toBinary(ConfigChangedSchema, change) }])
}
