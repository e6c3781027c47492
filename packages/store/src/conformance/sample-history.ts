import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  deliveryIdOf,
  deliveryIn,
  attemptIdOf,
  eventTypeIdOf,
  formatId,
  partitionOf,
  type Decoded,
  type ProjectedRecord,
} from "@posthorn/core"
import {
  AttemptRecordSchema,
  AuditRecordSchema,
  BreakerState,
  ConfigChangedSchema,
  ControlRecordSchema,
  DeadLetterReason,
  DeadLetterRecordSchema,
  DeliveryState,
  ErrorClass,
  EventAcceptedSchema,
  Outcome,
} from "@posthorn/proto"

/** One event to one subscription, and how its attempts end. */
export interface SampleEvent {
  readonly number: number
  readonly application: 1 | 2
  readonly subscription: number
  readonly type?: string
  /** Status codes of the attempts, one a second; 0 = no answer. */
  readonly statuses: readonly number[]
  /** What ends it after those: a 2xx among `statuses` delivers. */
  readonly end: "none" | "dead" | "cancelled"
  /** What is done about it after that: a new round, by a person or a task, or its dead letter discarded. In this order. */
  readonly fate?: readonly ("retried" | "redriven" | "discarded")[]
  readonly createdAtMs?: number
  /** Default 0: the installation's. */
  readonly retentionHours?: number
  readonly diedAtMs?: number
  readonly text?: string
  /** What its sender calls the event. */
  readonly key?: string
}

/** What kind of failure a status code of a sample stands for. */
export const errorClassOf = (statusCode: number | undefined): ErrorClass => {
  if (statusCode === undefined || (statusCode >= 200 && statusCode < 300)) return ErrorClass.UNSPECIFIED
  return statusCode === 0 ? ErrorClass.TIMEOUT : ErrorClass.STATUS
}

export const PARTITIONS = 3
/** Noon of some day. */
export const NOON_MS = Date.UTC(2031, 4, 6, 12)

export const idOf = (kind: "application" | "subscription" | "event" | "key" | "task", number: number): string =>
  formatId(
    kind,
    Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? number & 255 : index === 14 ? number >> 8 : 0)),
  )
export const applicationOf = (number: number): string => idOf("application", number)
export const subscriptionOf = (number: number): string => idOf("subscription", number)
export const eventOf = (number: number): string => idOf("event", number)
export const deliveryOf = (sample: SampleEvent): string => deliveryIdOf(eventOf(sample.number), subscriptionOf(sample.subscription))

/** A record that has no offset yet. */
export type Message = Decoded & { readonly partition: number }

/** The records of an event and its delivery, in the order in which their partitions hold them. */
export function messagesOf(sample: SampleEvent): Message[] {
  const { type = "order.created", text = "", createdAtMs = NOON_MS + sample.number, retentionHours = 0 } = sample
  const applicationId = applicationOf(sample.application)
  const subscriptionId = subscriptionOf(sample.subscription)
  const deliveryId = deliveryOf(sample)
  const partition = partitionOf(subscriptionId, PARTITIONS)
  const delivery = {
    deliveryId,
    applicationId,
    eventId: eventOf(sample.number),
    subscriptionId,
    eventType: type,
    retentionHours,
    createdAt: timestampFromMs(createdAtMs),
  }
  const event = create(EventAcceptedSchema, {
    eventId: delivery.eventId,
    applicationId,
    type,
    contentType: "application/json",
    payload: Buffer.from(`{"number":${sample.number},"text":${JSON.stringify(text)}}`),
    metadata: { [`name ${text}`]: text },
    idempotencyKey: sample.key ?? "",
    retentionHours,
    acceptedAt: delivery.createdAt,
    occurredAt: delivery.createdAt,
    schemaViolations: sample.number % 2 === 0 ? [] : [{ field: `data/${text}`, reason: `must not be ${text}` }],
  })
  const outcome = (record: object): Message => ({
    topic: "attempts",
    partition,
    message: create(AttemptRecordSchema, { record: record as never }),
  })
  const messages: Message[] = [
    { topic: "events", partition: partitionOf(`${applicationId}/${delivery.eventId}`, PARTITIONS), message: event },
    outcome({ case: "created", value: { delivery, firstDueAt: delivery.createdAt } }),
  ]
  for (const [index, statusCode] of sample.statuses.entries()) {
    const number = index + 1
    const last = number === sample.statuses.length
    const delivered = statusCode >= 200 && statusCode < 300
    const state = delivered ? DeliveryState.DELIVERED : last && sample.end === "dead" ? DeliveryState.DEAD : DeliveryState.RETRYING
    const at = (seconds: number) => timestampFromMs(createdAtMs + seconds * 1000)
    const attempt = {
      id: attemptIdOf(deliveryId, number),
      number,
      outcome: delivered ? Outcome.DELIVERED : Outcome.FAILED,
      statusCode,
      errorClass: errorClassOf(statusCode),
      error: delivered ? "" : `failed ${text}`,
      scheduledAt: at(number),
      startedAt: at(number),
      finishedAt: at(number),
      durationMs: 1.5,
      request: { method: "POST", url: "https://example.org/", headers: { "x-text": text } },
      ...(statusCode === 0 ? {} : { response: { headers: { "x-text": text }, body: `answer ${text}`, truncated: false } }),
      phasesMs: { dns: 1, connect: 2, tls: 3, firstByte: 4, total: 10.5 },
    }
    const reason = state === DeliveryState.DEAD ? "retries_exhausted" : ""
    messages.push(
      outcome({
        case: "finished",
        value: {
          delivery,
          round: 1,
          attempt,
          state,
          reason,
          health: healthAfter(delivered ? 0 : number),
          ...(state === DeliveryState.RETRYING ? { nextAttemptAt: at(number + 1) } : {}),
        },
      }),
    )
    if (state === DeliveryState.DEAD) messages.push(deadLetterOf(sample, { statusCode, attempt: number, event, partition }))
    if (delivered) return [...messages, ...afterwards(sample, delivery, partition)]
  }
  const cancelled = {
    delivery,
    round: 1,
    attemptCount: sample.statuses.length,
    state: DeliveryState.CANCELLED,
    reason: "subscription_deleted",
    settledAt: timestampFromMs(createdAtMs + 99_000),
  }
  if (sample.end === "cancelled") messages.push(outcome({ case: "settled", value: cancelled }))
  return [...messages, ...afterwards(sample, delivery, partition)]
}

export const TASK = "tsk_1"

function afterwards({ fate = [], statuses }: SampleEvent, delivery: object, partition: number): Message[] {
  const actor = { id: "operator", requestId: "r" }
  const settledAt = timestampFromMs(NOON_MS + 200_000)
  return fate.map((what): Message => {
    if (what === "discarded") {
      const value = { delivery, round: 1, reason: "seen", taskId: TASK, actor }
      const message = create(DeadLetterRecordSchema, { deadAt: settledAt, content: { case: "discarded", value: value as never } })
      return { topic: "dead-letters", partition, message }
    }
    const again = { delivery, round: 2, attemptCount: statuses.length, dueAt: settledAt, requeuedAt: settledAt, actor }
    const value = { ...again, taskId: what === "redriven" ? TASK : "" }
    return { topic: "attempts", partition, message: create(AttemptRecordSchema, { record: { case: "requeued", value: value as never } }) }
  })
}

const healthAfter = (failures: number) => ({
  state: failures < 3 ? BreakerState.CLOSED : BreakerState.OPEN,
  reason: failures === 0 ? "" : "answers 503",
  since: timestampFromMs(NOON_MS),
  ...(failures < 3 ? {} : { nextProbeAt: timestampFromMs(NOON_MS + 60_000) }),
  consecutiveFailures: failures,
})

/** Somebody wants a waiting try not to be made, or to be made now. */
export function controlOf(sample: SampleEvent, what: "cancel" | "run"): Message {
  const [created, outcome] = messagesOf({ ...sample, statuses: [], end: "none", fate: [] })
  if (created?.topic !== "events" || outcome?.topic !== "attempts") throw new Error("an event and its delivery come first")
  const asked = { requestedAt: timestampFromMs(NOON_MS), actor: { id: "operator", requestId: "r" } }
  const due = { deliveryId: deliveryOf(sample), subscriptionId: subscriptionOf(sample.subscription), round: 1, event: created.message }
  const record =
    what === "run"
      ? { case: "run", value: { due, ...asked } }
      : { case: "cancel", value: { delivery: deliveryIn(outcome.message), round: 1, attempt: 1, ...asked } }
  return { topic: "control", partition: outcome.partition, message: create(ControlRecordSchema, { record: record as never }) }
}

/** A request that was refused; 0 = of nobody who is known. */
export function refusalOf(number: number, application: number): Message {
  const message = create(AuditRecordSchema, {
    id: `refusal ${number}`,
    refusedAt: timestampFromMs(NOON_MS + number),
    actor: { id: application === 0 ? "anonymous" : idOf("key", application), requestId: `request ${number}` },
    applicationId: application === 0 ? "" : applicationOf(application),
    method: "posthorn.v1.DeadLetterService/RedriveDeadLetters",
    code: application === 0 ? "unauthenticated" : "permission_denied",
    remoteAddress: "192.0.2.1",
    leftOut: BigInt(number),
  })
  return { topic: "audit", partition: partitionOf(`${application}`, PARTITIONS), message }
}

function deadLetterOf(sample: SampleEvent, more: { statusCode: number; attempt: number; event: object; partition: number }): Message {
  const { statusCode, attempt, event, partition } = more
  const due = { deliveryId: deliveryOf(sample), subscriptionId: subscriptionOf(sample.subscription), round: 1, attempt, event }
  const message = create(DeadLetterRecordSchema, {
    reason: DeadLetterReason.EXHAUSTED,
    error: "exhausted",
    statusCode,
    errorClass: errorClassOf(statusCode),
    deadAt: timestampFromMs(sample.diedAtMs ?? NOON_MS + sample.number),
    content: { case: "delivery", value: due },
  })
  return { topic: "dead-letters", partition, message }
}

/** A secret that must be in no table. */
export const CANARY = "canary-Zk3uQ9"

export function applicationChange(number: number, version: number): Message {
  const application = { id: applicationOf(number), name: `application ${number} version ${version + 1}` }
  return configChange(application.id, version, { case: "application", value: { application } })
}

export function subscriptionChange(numbers: { subscription: number; application: number }, version: number): Message {
  const subscription = {
    id: subscriptionOf(numbers.subscription),
    applicationId: applicationOf(numbers.application),
    url: "https://example.org/",
    headers: { authorization: CANARY, "x-plain": CANARY },
    eventTypes: ["order.*"],
    secret: CANARY,
    source: { scheme: 2, secret: CANARY },
    retryPolicy: { delaysSeconds: [1, 2] },
    description: `version ${version + 1}`,
  }
  return configChange(subscription.id, version, {
    case: "subscription",
    value: {
      subscription,
      secrets: [{ encrypted: CANARY, fingerprint: `print ${version + 1}` }],
      sourceSecret: CANARY,
      sourceSecretFingerprint: `source print ${version + 1}`,
    },
  })
}

export function keyChange(numbers: { key: number; application: number }, version: number): Message {
  const key = {
    id: idOf("key", numbers.key),
    applicationId: applicationOf(numbers.application),
    name: `version ${version + 1}`,
    role: 3,
    lastFour: "abcd",
  }
  return configChange(key.id, version, { case: "key", value: { key, tokenHash: CANARY } })
}

export function taskChange(numbers: { task: number; application: number }, version: number): Message {
  const task = {
    id: idOf("task", numbers.task),
    applicationId: applicationOf(numbers.application),
    kind: 1,
    state: version + 1,
    filter: "{}",
    ratePerSecond: 100,
    total: 7n,
  }
  return configChange(task.id, version, { case: "task", value: { task } })
}

export function eventTypeChange({ name, application }: { name: string; application: number }, version: number): Message {
  const eventType = {
    applicationId: applicationOf(application),
    name,
    description: `version ${version + 1}`,
    versions: [{ version: 1, schema: { const: "a\0b" }, example: { kind: { case: "stringValue", value: "a\0b" } } }],
  }
  return configChange(eventTypeIdOf(eventType.applicationId, name), version, { case: "eventType", value: { eventType } })
}

export const deletion = (id: string, version: number): Message => configChange(id, version, { case: "deleted", value: {} })

function configChange(entityId: string, version: number, state: object): Message {
  const message = create(ConfigChangedSchema, {
    entityId,
    expectedVersion: BigInt(version),
    changeId: `${entityId}/${version}`,
    changedAt: timestampFromMs(NOON_MS),
    actor: { id: "operator", requestId: "r" },
    state: state as never,
  })
  return { topic: "config", partition: 0, message }
}

/** A log that holds these messages: offsets grow by partition and have holes. */
export function recordsOf(messages: readonly Message[]): ProjectedRecord[] {
  const next = new Map<string, number>()
  return messages.map((message) => {
    const name = `${message.topic}/${message.partition}`
    const offset = next.get(name) ?? 0
    next.set(name, offset + 1 + (offset % 3))
    return { ...message, offset }
  })
}
