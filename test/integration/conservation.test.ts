import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { decideRequeue, decideRunTry, deliveryIdOf, deliveryIn, isRefusal, lastTryOf, type Finding, type FindingKind } from "@posthorn/core"
import type { EventLog, NewRecord } from "@posthorn/log"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import type { Script } from "@posthorn/outbound/scripted"
import {
  ActorSchema,
  AttemptRecordSchema,
  ControlRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  DeliveryState,
  GetConservationRequestSchema,
  type ConservationHour,
} from "@posthorn/proto"
import { createLogger, Metrics, systemClock } from "@posthorn/runtime"
import type { StatusStore } from "@posthorn/store"
import { createPostgresStore } from "@posthorn/store/postgres"
import { eventually } from "@posthorn/testkit"
import { startPostgres, type PostgresServer } from "@posthorn/testkit/postgres"
import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { applicationId, publish, reconfigure, start, subscribe } from "../../services/delivery/src/delivery-under-test.ts"
import { ConservationCheck, type Checked } from "../../services/projector/src/conservation/check.ts"
import { LOG_FIELDS, projectorEvents } from "../../services/projector/src/events.ts"
import { startProjector, type Projector } from "../../services/projector/src/projector.ts"

const WAIT = { timeoutMs: 60_000 }
const HOUR_MS = 3600 * 1000

let server: PostgresServer
let log: MemoryLog
let store: StatusStore
let projector: Projector
let check: ConservationCheck
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.remove())
let databases = 0
beforeEach(async () => {
  const name = `conservation_${++databases}`
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  store = createPostgresStore({ url: server.url.replace(/postgres$/, name) })
  log = createMemoryLog({ partitions: 3 })
  projector = await startProjector({
    log,
    status: store,
    analytics: { insert: async () => undefined },
    clock: systemClock,
    retentionHours: 72,
    events: projectorEvents(createLogger({ service: "projector", level: "silent", fields: LOG_FIELDS }), new Metrics()),
    failed: () => undefined,
  })
  check = new ConservationCheck({ log, books: store, clock: systemClock, graceMs: 0, hours: "all" })
})
afterEach(async () => {
  await projector.stop()
  await log.close()
  await store.close()
})

/** An endpoint's path says what it answers. */
const byPath: Script = ({ url }) => ({ kind: "answer", statusCode: Number(new URL(url).pathname.slice(1)) })
const to = (statusCode: number, eventType: string, more: object = {}) =>
  subscribe(log, { url: `https://hooks.example.com/${statusCode}`, eventTypes: [eventType], ...more })

/** The log of a delivery service that loses some of what it appends, although it was told otherwise. */
const losing = (loses: (record: NewRecord) => boolean): EventLog => ({
  ...log,
  append: async (records) => log.append(records.filter((record) => !loses(record))),
})

/** What a record of the delivery service is about. */
function about({ topic, value }: NewRecord): {
  readonly type: string
  readonly subscriptionId: string
  readonly attempt: number
  readonly kind: string
} {
  if (topic === "attempts") {
    const message = fromBinary(AttemptRecordSchema, value)
    const facts = deliveryIn(message)
    const { case: kind = "", value: content } = message.record
    const attempt = message.record.case === "finished" ? (message.record.value.attempt?.number ?? 0) : 0
    const type = facts?.eventType ?? (content && "eventType" in content ? content.eventType : "")
    return { type, subscriptionId: facts?.subscriptionId ?? "", attempt, kind }
  }
  if (topic === "dead-letters") {
    const { content } = fromBinary(DeadLetterRecordSchema, value)
    const due = content.case === "delivery" ? content.value : undefined
    return { type: due?.event?.type ?? "", subscriptionId: due?.subscriptionId ?? "", attempt: due?.attempt ?? 0, kind: "letter" }
  }
  const due = fromBinary(DeliveryDueSchema, value)
  return { type: due.event?.type ?? "", subscriptionId: due.subscriptionId, attempt: due.attempt, kind: "due" }
}

const run = (): Promise<Checked> => check.run(new AbortController().signal)

async function found(): Promise<readonly Finding[]> {
  const checked = await run()
  if (checked.kind === "behind") throw new Error("the views are behind")
  expect(checked.unsearched).toBe(0)
  return checked.found
}

async function hours(more: object = {}): Promise<readonly ConservationHour[]> {
  const answer = await store.getConservation({ applicationId }, create(GetConservationRequestSchema, more))
  if (isRefusal(answer)) throw new Error(answer.message)
  return answer.hours
}

/** What the hours come to: a test may run into the next one. */
async function sums(): Promise<Record<string, number>> {
  const all = await hours()
  const names = ["accepted", "finished", "onTheirWay", "unmatched", "notRoutedYet", "missing"] as const
  const deliveries = ["delivered", "dead", "cancelled", "waiting", "scheduled"] as const
  return Object.fromEntries([
    ...names.map((name) => [name, Number(all.reduce((sum, hour) => sum + hour[name], 0n))]),
    ...deliveries.map((name) => [name, Number(all.reduce((sum, hour) => sum + (hour.deliveries?.[name] ?? 0n), 0n))]),
  ])
}

const kindsOf = (findings: readonly Finding[]) => findings.map(({ kind }) => kind).toSorted()

/** Everything that the log has for the router and the worker is done, and nothing waits in the shortest tier. */
const drained = (): Promise<void> =>
  eventually(async () => {
    const lags = [
      await log.lag("router", ["events"]),
      await log.lag("delivery", ["deliveries", "deliveries.bulk", "control"]),
      await log.lag("retry", ["retry.5s"]),
    ]
    expect(lags.flat().filter(({ committed, high }) => committed < high)).toEqual([])
  }, WAIT)

const stateOf = async (deliveryId: string) => (await store.getDelivery("every application", deliveryId))?.state
const reaches = (deliveryId: string, state: DeliveryState) =>
  eventually(async () => expect(await stateOf(deliveryId)).toBe(state), { ...WAIT, what: `delivery in state ${state}` })

const ONE_RETRY = { retryPolicy: { delaysSeconds: [1] } }

test("a history in which all is well is clean: delivered, dead, cancelled, paused, put off, scheduled and unmatched", async () => {
  const { delivery } = await start(log, byPath)
  const well = await to(200, "well")
  const dead = await to(500, "dead", ONE_RETRY)
  const paused = await to(200, "paused")
  await reconfigure(log, paused, { paused: true })
  await to(503, "failing", { retryPolicy: { delaysSeconds: [3600] } })
  const disabled = await to(503, "disabled", { retryPolicy: { delaysSeconds: [3600] } })
  const later = await to(200, "later")
  const delivered = deliveryIdOf(await publish(log, { type: "well" }), well.id)
  const died = deliveryIdOf(await publish(log, { type: "dead" }), dead.id)
  const parked = deliveryIdOf(await publish(log, { type: "paused" }), paused.id)
  for (let count = 0; count < 12; count++) await publish(log, { type: "failing" })
  const cancelled = deliveryIdOf(await publish(log, { type: "disabled" }), disabled.id)
  await publish(log, { type: "nobody takes it" })
  await publish(log, { type: "nobody takes it", bulk: true })
  const scheduled = deliveryIdOf(await publish(log, { type: "later", deliverAt: timestampFromMs(Date.now() + HOUR_MS) }), later.id)
  await reaches(delivered, DeliveryState.DELIVERED)
  await reaches(died, DeliveryState.DEAD)
  await reaches(cancelled, DeliveryState.RETRYING)
  await reconfigure(log, disabled, { enabled: false })
  await reaches(cancelled, DeliveryState.CANCELLED)
  await reaches(scheduled, DeliveryState.SCHEDULED)
  await eventually(async () => expect((await log.ends("parked")).some(({ high }) => high > 0)).toBe(true), WAIT)
  await drained()
  expect(await stateOf(parked)).toBe(DeliveryState.SCHEDULED)
  expect(await found()).toEqual([])
  expect(await sums()).toEqual({
    accepted: 19,
    finished: 3,
    onTheirWay: 14,
    unmatched: 2,
    notRoutedYet: 0,
    missing: 0,
    delivered: 1,
    dead: 1,
    cancelled: 1,
    waiting: 14,
    scheduled: 1,
  })
  // Behind nobody's back: what waits for the router or the worker is on its way, however long it takes.
  await delivery.stop()
  await publish(log, { type: "well" })
  expect(await found()).toEqual([])
  expect(await sums()).toMatchObject({ accepted: 20, notRoutedYet: 1, missing: 0 })
})

interface Loss {
  readonly what: string
  readonly kind: FindingKind
  /** What the endpoint answers. */
  readonly answers: number
  readonly loses: (record: ReturnType<typeof about>, topic: string) => boolean
  /** Topic of the last record that is known. */
  readonly last: string
  readonly subscriptions?: number
}

const LOSSES: readonly Loss[] = [
  { what: "a try that the router made", kind: "try_lost", answers: 200, loses: (_, topic) => topic === "deliveries", last: "attempts" },
  { what: "a retry", kind: "try_lost", answers: 500, loses: (_, topic) => topic.startsWith("retry."), last: "attempts" },
  { what: "a dead letter", kind: "dead_without_letter", answers: 500, loses: ({ kind }) => kind === "letter", last: "attempts" },
  { what: "an event that matched", kind: "not_routed", answers: 200, loses: () => true, last: "events" },
  {
    what: "one delivery of two",
    kind: "delivery_missing",
    answers: 200,
    loses: ({ subscriptionId }) => subscriptionId === losers.at(0),
    last: "events",
    subscriptions: 2,
  },
  {
    what: "the end of an attempt",
    kind: "attempts_with_holes",
    answers: 500,
    loses: ({ kind, attempt }) => kind === "finished" && attempt === 1,
    last: "attempts",
  },
]
const losers: string[] = []

test.for(LOSSES)(
  "$what that is lost is found, named, with its last known record",
  async ({ kind, answers, loses, last, subscriptions = 1 }) => {
    losers.length = 0
    for (let count = 0; count < subscriptions; count++) losers.push((await to(answers, "lost", ONE_RETRY)).id)
    const well = await to(200, "well")
    await start(losing((record) => about(record).type === "lost" && loses(about(record), record.topic)) as MemoryLog, byPath)
    const eventId = await publish(log, { type: "lost" })
    await reaches(deliveryIdOf(await publish(log, { type: "well" }), well.id), DeliveryState.DELIVERED)
    if (kind === "dead_without_letter" || kind === "attempts_with_holes")
      await reaches(deliveryIdOf(eventId, losers[0]!), DeliveryState.DEAD)
    await drained()
    await eventually(async () => expect(kindsOf(await found())).toEqual([kind]), WAIT)
    // It is new once.
    expect(await found()).toEqual([])
    const [hour] = await hours({ onlyFindings: true })
    expect(hour).toMatchObject({ accepted: 2n, findingCount: 1n })
    expect(hour?.missing).toBe(kind === "dead_without_letter" || kind === "attempts_with_holes" ? 0n : 1n)
    expect(hour?.findings[0]).toMatchObject({ eventId, lastRecord: { topic: last, appendedAt: { seconds: expect.any(BigInt) } } })
    expect((await store.conservationSummary()).findings).toEqual(new Map([[kind, 1]]))
  },
)

test("an event that nobody takes, and of which the router does not say so, is found", async () => {
  await start(losing(({ topic }) => topic === "attempts") as MemoryLog, byPath)
  await publish(log)
  await drained()
  expect(kindsOf(await found())).toEqual(["not_routed"])
})

test("a lost try is made when somebody asks for it, a round that died unburied is followed by another; and no finding is left", async () => {
  const subscription = await to(200, "lost")
  const failing = await to(500, "buried", { ...ONE_RETRY })
  const first = await start(
    losing((record) => (record.topic === "deliveries" && about(record).type === "lost") || record.topic === "dead-letters") as MemoryLog,
    byPath,
  )
  const lost = deliveryIdOf(await publish(log, { type: "lost" }), subscription.id)
  const unburied = deliveryIdOf(await publish(log, { type: "buried" }), failing.id)
  await reaches(unburied, DeliveryState.DEAD)
  await reaches(lost, DeliveryState.SCHEDULED)
  await drained()
  expect(kindsOf(await found())).toEqual(["dead_without_letter", "try_lost"])
  await first.delivery.stop()
  await start(log, () => ({ kind: "answer", statusCode: 200 }))
  const how = { actor: create(ActorSchema, { id: "operator" }), nowMs: Date.now(), configPosition: (await log.ends("config"))[0]!.high }
  const wanted = (await store.getRedelivery("every application", lost))!
  const control = decideRunTry(wanted, how)
  await log.append([{ topic: "control", key: subscription.id, value: toBinary(ControlRecordSchema, control) }])
  const again = (await store.getRedelivery("every application", unburied))!
  const { due, record } = decideRequeue(lastTryOf(again), { ...how, taskId: "" })
  await log.append([
    { topic: "deliveries", key: failing.id, value: toBinary(DeliveryDueSchema, due) },
    { topic: "attempts", key: failing.id, value: toBinary(AttemptRecordSchema, record) },
  ])
  await reaches(lost, DeliveryState.DELIVERED)
  await reaches(unburied, DeliveryState.DELIVERED)
  expect(await found()).toEqual([])
  expect(await hours({ onlyFindings: true })).toEqual([])
  expect(await sums()).toMatchObject({ accepted: 2, finished: 2, missing: 0 })
})

test("nothing is judged while the views do not hold what the log holds", async () => {
  await start(losing(({ topic }) => topic === "attempts") as MemoryLog, byPath)
  await projector.stop()
  await publish(log)
  await drained()
  const hasty = new ConservationCheck({ log, books: store, clock: systemClock, graceMs: 0, hours: "all", waitMs: 0 })
  expect(await hasty.run(new AbortController().signal)).toEqual({ kind: "behind" })
})
