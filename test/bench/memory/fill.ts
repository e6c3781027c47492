import { randomBytes, randomUUID } from "node:crypto"
import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  ConfigTable,
  decideCreateApplication,
  decideCreateSubscription,
  deliveryIdOf,
  evolveConfig,
  formatId,
  isRefusal,
  limits,
  tierFor,
  type ChangeContext,
  type IdKind,
} from "@posthorn/core"
import type { LogAppender, NewRecord } from "@posthorn/log"
import {
  ApplicationSchema,
  ConfigChangedSchema,
  DeliveryDueSchema,
  SigningSecretSchema,
  SubscriptionSchema,
  type ConfigChanged,
} from "@posthorn/proto"

const SUBSCRIPTIONS_EACH = 1000
const MINUTE_MS = 60_000
/** When what is pending is due, from now: long after the lane is over. */
const DUE_FROM_MS = 30 * MINUTE_MS
const DUE_TO_MS = 180 * MINUTE_MS
const PAYLOAD = Buffer.from(JSON.stringify({ text: "x".repeat(580) }))
/** As long as a sealed signing secret. */
const SEALED = `v1:k1:${randomBytes(12).toString("base64")}:${randomBytes(38).toString("base64")}:${randomBytes(16).toString("base64")}`
const APPENDS_AT_ONCE = 8
const TELL_EVERY = 100_000

const newId = (kind: IdKind): string => formatId(kind, randomBytes(16))

/** A subscription and the application that owns it. */
export interface Subscribed {
  readonly subscriptionId: string
  readonly applicationId: string
}

/** Appends applications of a thousand subscriptions each to `config`, as a gateway would have; answers some of the subscriptions. */
export async function fillConfig(log: LogAppender, count: number, keep: number): Promise<readonly Subscribed[]> {
  const kept: Subscribed[] = []
  await appendAll(log, "subscriptions", {
    count,
    make: subscriptions((each) => {
      if (kept.length < keep) kept.push(each)
    }),
  })
  return kept
}

function subscriptions(made: (subscribed: Subscribed) => void): (index: number) => readonly NewRecord[] {
  const table = new ConfigTable()
  let applicationId = ""
  return (index) => {
    const context: ChangeContext = { changeId: randomUUID(), nowMs: Date.now(), actor: { id: "operator", requestId: "" } }
    const records: NewRecord[] = []
    if (index % SUBSCRIPTIONS_EACH === 0) {
      table.remove(applicationId)
      applicationId = newId("application")
      const change = decideCreateApplication({ id: applicationId, application: create(ApplicationSchema, { name: "bench" }) }, context)
      records.push(taken(table, change))
    }
    const command = {
      id: newId("subscription"),
      applicationId,
      subscription: create(SubscriptionSchema, {
        url: `https://hooks.example-${index}.com/posthorn/events`,
        eventTypes: ["order.created", "order.updated"],
      }),
      secrets: [create(SigningSecretSchema, { encrypted: SEALED })],
      sourceSecret: undefined,
      judgeUrl: () => undefined,
    }
    const change = decideCreateSubscription(table, command, { ...context, changeId: randomUUID() })
    if (isRefusal(change)) throw new Error(`the subscription is refused: ${JSON.stringify(change)}`)
    made({ subscriptionId: command.id, applicationId })
    return [...records, taken(table, change)]
  }
}

/** The record of a change, which every reader of the log will take over as this table does. */
function taken(table: ConfigTable, change: ConfigChanged): NewRecord {
  if (evolveConfig(table, change, 0).length === 0) throw new Error(`the change of ${change.entityId} has no effect`)
  return { topic: "config", key: change.entityId, value: toBinary(ConfigChangedSchema, change) }
}

/** Appends second attempts that wait for their time to the retry tiers, in turn for every subscription. */
export function fillTiers(log: LogAppender, count: number, to: readonly Subscribed[]): Promise<void> {
  return appendAll(log, "pending retries", {
    count,
    make: (index) => {
      const target = to[index % to.length]
      if (target === undefined) throw new Error("there is no subscription to retry for")
      return [pending(target, DUE_FROM_MS + ((DUE_TO_MS - DUE_FROM_MS) * index) / count)]
    },
  })
}

function pending({ subscriptionId, applicationId }: Subscribed, inMs: number): NewRecord {
  const nowMs = Date.now()
  const [eventId, at] = [newId("event"), timestampFromMs(nowMs)]
  const due = create(DeliveryDueSchema, {
    deliveryId: deliveryIdOf(eventId, subscriptionId),
    subscriptionId,
    round: 1,
    attempt: 2,
    roundFirstAttempt: 1,
    event: { eventId, applicationId, type: "order.created", contentType: "application/json", payload: PAYLOAD, acceptedAt: at },
    createdAt: at,
    dueAt: timestampFromMs(nowMs + inMs),
    firstAttemptAt: at,
  })
  return { topic: tierFor(inMs), key: subscriptionId, value: toBinary(DeliveryDueSchema, due) }
}

interface Made {
  readonly count: number
  readonly make: (index: number) => readonly NewRecord[]
}

/** Appends in full batches, a few at a time, and says how far it is. */
async function appendAll(log: LogAppender, what: string, { count, make }: Made): Promise<void> {
  const startedAt = performance.now()
  const underWay = new Set<Promise<void>>()
  let failure: unknown
  for (let index = 0; index < count && failure === undefined;) {
    const batch: NewRecord[] = []
    for (; index < count && batch.length < limits.APPEND_RECORDS_MAX; index++) {
      batch.push(...make(index))
      if ((index + 1) % TELL_EVERY === 0)
        console.log(`${index + 1} of ${count} ${what}, after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
    }
    const append: Promise<void> = log
      .append(batch)
      .then(() => undefined)
      .catch((error: unknown) => void (failure = error))
      .finally(() => underWay.delete(append))
    underWay.add(append)
    if (underWay.size >= APPENDS_AT_ONCE) await Promise.race(underWay)
  }
  await Promise.all(underWay)
  if (failure !== undefined) throw new Error(`appending ${what} failed`, { cause: failure })
}
