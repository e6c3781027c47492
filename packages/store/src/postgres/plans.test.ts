import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal, type Refusal } from "@posthorn/core"
import {
  AuditOutcome,
  CountDeliveriesRequestSchema,
  DeadLetterFilterSchema,
  DeadLetterReason,
  DeadLetterState,
  DeliveryState,
  ErrorClass,
  GetConservationRequestSchema,
  ListAuditLogRequestSchema,
  ListDeadLettersRequestSchema,
  ListDeliveriesRequestSchema,
  ListEventsRequestSchema,
} from "@posthorn/proto"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { loadPostgres } from "../../../../test/bench/views/load-postgres.ts"
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import type { StatusStore, Tenancy } from "../status-store.ts"
import { tableOf } from "./days.ts"
import { createPostgresStore } from "./postgres-store.ts"

/** Enough that reading a table from end to end is the dearer way, and that none of the tables of days is empty. */
const DELIVERIES = 60_000
const HOUR_MS = 3_600_000
/** Rows that a statement may look at in vain. */
const IN_VAIN_MAX = DELIVERIES / 20
const BIG = /^(?:events|deliveries|attempts|dead_letters|audit_log)(?:_|$)/
/** Smaller ones are read from end to end rightly. */
const BIG_ROWS = 1000

/** A noon: how much a day holds, and with it what is dear, must not follow the time at which this runs. */
const NOW_MS = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS - 12 * HOUR_MS
const applications = Array.from({ length: 20 }, (_, index) => `app_${index}`)
const subscriptions = Array.from({ length: 400 }, (_, index) => `sub_${index}`)
const owners = subscriptions.map((_, index) => applications[index < 200 ? 0 : 1 + (index % 19)]!)
const [application, subscription] = [applications[0]!, subscriptions[0]!]

let dataDir: string
let server: EmbeddedPostgres
let client: pg.Client
let store: StatusStore
let rowsOf: ReadonlyMap<string, number>
let some: { event: string; delivery: string; subscription: string; at: Date }

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-plans-"))
  server = await startEmbeddedPostgres({ dataDir })
  store = createPostgresStore({ url: server.url, connections: 2 })
  await loadPostgres(
    server.url,
    { applications, subscriptions, owners, ofFirst: 200 },
    { deliveries: DELIVERIES, attempts: 0, untilMs: NOW_MS, statusHours: 72, factHours: 0 },
  )
  client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(MORE_DEAD_LETTERS)
  await client.query(AUDIT_LOG)
  await client.query("update posthorn.events set config_position = 10000")
  await client.query("insert into posthorn.projector_offset (topic, partition, next_offset) values ('config', 0, 20001)")
  await client.query("vacuum analyze")
  const tables = await client.query<{ name: string; rows: number }>(
    "select relname as name, reltuples as rows from pg_class where relkind = 'r'",
  )
  rowsOf = new Map(tables.rows.map(({ name, rows }) => [name, rows]))
  const found = await client.query<typeof some>(
    "select event_id as event, id as delivery, subscription_id as subscription, created_at as at from posthorn.deliveries where state = 'dead' and application_id = $1 limit 1",
    [application],
  )
  some = found.rows[0]!
}, 120_000)

afterAll(async () => {
  await client?.end()
  await store?.close()
  await server?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const MORE_DEAD_LETTERS = `
  insert into posthorn.dead_letters (
    identity, partition, log_offset, delivery_id, application_id, event_id, subscription_id, event_type, reason, error, error_class, status_code,
    attempt_count, created_at, round, state)
  select identity || copy, partition, log_offset, delivery_id || copy, application_id, event_id || copy, subscription_id, event_type, reason, repeat('what went wrong ', 12), error_class,
    status_code, attempt_count, created_at - copy * interval '1 minute', round, case when copy % 8 = 0 then 'open' else 'redriven' end
  from posthorn.dead_letters, generate_series(1, 40) copy`

const AUDIT_LOG = `
  insert into posthorn.audit_log (identity, change_id, kind, entity_id, application_id, action, version, actor, request_id, changed_at, config_offset)
  select 'config/' || n, '', 'subscription', 'sub_' || n, 'app_' || n % 20, 'updated', 1, 'key_' || n % 50, '', now() - n * interval '1 second', n
  from generate_series(1, 20000) n`

interface Plan {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Actual Loops": number
  readonly "Rows Removed by Filter"?: number
  readonly Plans?: readonly Plan[]
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** What is wrong with how a statement is carried out. */
async function faultsOf(text: string, values: readonly unknown[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ "QUERY PLAN": readonly [{ Plan: Plan }] }>(`explain (analyze, format json) ${text}`, [...values])
  const nodes = nodesOf(rows[0]!["QUERY PLAN"][0].Plan)
  const ofBig = nodes.filter(({ "Relation Name": table = "" }) => BIG.test(table) && (rowsOf.get(table) ?? 0) > BIG_ROWS)
  const inVain = ofBig.reduce((sum, node) => sum + (node["Rows Removed by Filter"] ?? 0) * node["Actual Loops"], 0)
  const fromEndToEnd = ofBig.flatMap(({ "Node Type": type, "Relation Name": table = "" }) =>
    type === "Seq Scan" ? [`reads ${table} from end to end: ${text}`] : [],
  )
  return [...fromEndToEnd, ...(inVain > IN_VAIN_MAX ? [`looks at ${inVain} rows in vain: ${text}`] : [])]
}

/** Every statement that the store carries out meanwhile, with what is wrong with it. */
async function faultsIn(work: () => Promise<unknown>): Promise<readonly string[]> {
  const query = pg.Client.prototype.query as (this: pg.Client, ...given: unknown[]) => Promise<unknown>
  const statements: { text: string; values: readonly unknown[] }[] = []
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const [first] = given
    if (this !== client && typeof first === "object" && first !== null && "text" in first)
      statements.push(first as (typeof statements)[number])
    return query.apply(this, given)
  } as typeof pg.Client.prototype.query
  try {
    await work()
  } finally {
    pg.Client.prototype.query = query as typeof pg.Client.prototype.query
  }
  expect(statements).not.toEqual([])
  const faults: string[] = []
  for (const { text, values } of statements) faults.push(...(await faultsOf(text, values)))
  return faults
}

/** The first page and the one behind it. */
async function twoPages(list: (pageToken: string) => Promise<{ readonly nextPageToken: string } | Refusal>): Promise<void> {
  const first = await list("")
  if (isRefusal(first)) throw new Error(first.message)
  if (first.nextPageToken !== "") await list(first.nextPageToken)
}

const [since, until] = [timestampFromMs(NOW_MS - 40 * HOUR_MS), timestampFromMs(NOW_MS - 30 * HOUR_MS)]
const tenancies: readonly Tenancy[] = ["every application", { applicationId: application }]

type Filters<Schema extends DescMessage> = () => Readonly<Record<string, Omit<MessageInitShape<Schema>, "$typeName">>>

const ofDeliveries: Filters<typeof ListDeliveriesRequestSchema> = () => ({
  nothing: {},
  subscription: { subscriptionId: subscription },
  event: { eventId: some.event },
  type: { type: "order.created" },
  "a rare type": { type: "rare.type" },
  "a status": { statusCode: 500 },
  "a good status": { statusCode: 204 },
  "a status that there is none of": { statusCode: 201 },
  "a kind of failure": { errorClass: ErrorClass.TIMEOUT },
  since: { since },
  until: { until },
  "since and until": { since, until },
  "search for an event": { search: some.event },
  "search for a delivery": { search: some.delivery },
  "search for what its sender calls it": { search: "order-4711" },
  "subscription and type": { subscriptionId: subscription, type: "rare.type" },
  "subscription and status": { subscriptionId: subscription, statusCode: 429 },
  "subscription and kind of failure": { subscriptionId: subscription, errorClass: ErrorClass.DNS },
  "type and status": { type: "order.paid", statusCode: 404 },
})

const ofEvents: Filters<typeof ListEventsRequestSchema> = () => ({
  nothing: {},
  type: { type: "order.created" },
  "a rare type": { type: "rare.type" },
  since: { since },
  until: { until },
  search: { search: some.event },
  "search for a delivery": { search: some.delivery },
  "search for what its sender calls it": { search: "order-4711" },
  "what came in for a subscription": { subscriptionId: subscription },
})

const ofDeadLetters: Filters<typeof ListDeadLettersRequestSchema> = () => ({
  nothing: {},
  subscription: { subscriptionId: subscription },
  event: { eventId: some.event },
  delivery: { deliveryId: some.delivery },
  type: { type: "rare.type" },
  "a reason": { reason: DeadLetterReason.GONE },
  "a status": { statusCode: 418 },
  "a kind of failure": { errorClass: ErrorClass.TLS },
  since: { since },
  until: { until },
  "subscription and type": { subscriptionId: subscription, type: "rare.type" },
})

const ofAudit: Filters<typeof ListAuditLogRequestSchema> = () => ({
  nothing: {},
  actor: { actor: "nobody" },
  kind: { kind: "key" },
  entity: { entityId: "sub_17" },
  action: { action: "deleted" },
  outcome: { outcome: AuditOutcome.REFUSED },
  since: { since },
  until: { until },
})

describe.each(tenancies.map((tenancy) => ({ tenancy, whose: tenancy === "every application" ? tenancy : "one application" })))(
  "no statement reads a table of days from end to end, or much of it in vain: $whose",
  ({ tenancy }) => {
    test("lists of deliveries, by every filter and state", { timeout: 120_000 }, async () => {
      for (const filter of Object.values(ofDeliveries()))
        for (const state of [DeliveryState.UNSPECIFIED, DeliveryState.DEAD, DeliveryState.RETRYING, DeliveryState.CANCELLED])
          expect(
            await faultsIn(() =>
              twoPages((pageToken) =>
                store.listDeliveries(tenancy, create(ListDeliveriesRequestSchema, { ...filter, state, pageToken, pageSize: 20 })),
              ),
            ),
          ).toEqual([])
    })

    test("lists of events, by every filter", { timeout: 120_000 }, async () => {
      for (const filter of Object.values(ofEvents()))
        expect(
          await faultsIn(() =>
            twoPages((pageToken) => store.listEvents(tenancy, create(ListEventsRequestSchema, { ...filter, pageToken, pageSize: 20 }))),
          ),
        ).toEqual([])
    })

    test("lists of dead letters, by every filter and state", { timeout: 120_000 }, async () => {
      for (const filter of Object.values(ofDeadLetters()))
        for (const state of [DeadLetterState.OPEN, DeadLetterState.REDRIVEN, DeadLetterState.DISCARDED])
          expect(
            await faultsIn(() =>
              twoPages((pageToken) =>
                store.listDeadLetters(tenancy, create(ListDeadLettersRequestSchema, { ...filter, state, pageToken, pageSize: 20 })),
              ),
            ),
          ).toEqual([])
    })

    test("the audit log, by every filter", { timeout: 120_000 }, async () => {
      for (const filter of Object.values(ofAudit()))
        expect(
          await faultsIn(() =>
            twoPages((pageToken) => store.listAuditLog(tenancy, create(ListAuditLogRequestSchema, { ...filter, pageToken, pageSize: 20 }))),
          ),
        ).toEqual([])
    })

    test("what belongs to one event or delivery", async () => {
      const reads = async (): Promise<void> => {
        expect(await store.getEvent(tenancy, some.event)).toBeDefined()
        expect(await store.getPayload(tenancy, some.event)).toBeDefined()
        expect(await store.getDelivery(tenancy, some.delivery)).toBeDefined()
        expect(await store.getRedelivery(tenancy, some.delivery)).toBeDefined()
        const deliveries = await store.deliveriesOfEvent(tenancy, some.event)
        expect(deliveries).toHaveLength(2)
        await store.lastAttemptsOf(deliveries)
        await store.fatesOf(deliveries)
      }
      expect(await faultsIn(reads)).toEqual([])
    })

    test("deliveries by state, by every filter that leaves most of them out", { timeout: 120_000 }, async () => {
      // Of what is many, so few are counted that reading the rows as they come finds them soonest.
      const { nothing: _all, type: _type, since: _since, until: _until, "since and until": _span, ...narrow } = ofDeliveries()
      for (const filter of Object.values(narrow))
        expect(await faultsIn(() => store.countStates(tenancy, create(CountDeliveriesRequestSchema, filter)))).toEqual([])
    })

    test("what the check of the books is shown by", async () => {
      for (const filter of [{}, { since, until }, { onlyFindings: true }])
        expect(
          await faultsIn(() =>
            twoPages(async (pageToken) =>
              store.getConservation(tenancy, create(GetConservationRequestSchema, { ...filter, pageToken, pageSize: 20 })),
            ),
          ),
        ).toEqual([])
    })

    test("counts of a span whose ends are within a step", async () => {
      const span = { sinceMs: NOW_MS - 50 * HOUR_MS + 12_345, untilMs: NOW_MS - HOUR_MS - 54_321 }
      expect(await faultsIn(() => store.countDeliveries(tenancy, span))).toEqual([])
      expect(await faultsIn(() => store.countDeliveries(tenancy, { ...span, subscriptionId: some.subscription }))).toEqual([])
      const applicationId = tenancy === "every application" ? "" : application
      expect(await faultsIn(() => store.countOpen(create(DeadLetterFilterSchema, { applicationId })))).toEqual([])
    })
  },
)

test("what subscriptions were is found in the audit log without reading it", async () => {
  const query = { applicationId: application, eventId: some.event, changedSince: ["sub_20", "sub_19980"] }
  expect((await store.historyOf(query))?.histories).toHaveLength(2)
  expect(await faultsIn(() => store.historyOf(query))).toEqual([])
})

test("what a replay has to know is found in the days of its span", async () => {
  const [event, delivery] = [some.event, some.delivery].map((id) => ({ id, createdAt: timestampFromMs(some.at.getTime()) }))
  const counted = { applicationId: application, since, until }
  const taken = { id: some.subscription, eventTypes: ["order.*"] }
  const reads = async (): Promise<void> => {
    expect(await store.getAccepted({ applicationId: application }, some.event)).toBeDefined()
    expect((await store.placesOf([event!])).size).toBe(1)
    expect((await store.standingsOf([delivery!])).size).toBe(1)
    await store.countReplay({ ...counted, types: [] })
    await store.countReplay({ ...counted, types: ["rare.type", "order.*"] })
    await store.countReplay({ ...counted, types: [], subscription: { ...taken, undelivered: false } })
    await store.countReplay({ ...counted, types: [], subscription: { ...taken, undelivered: true } })
  }
  expect(await faultsIn(reads)).toEqual([])
})

test("the check of the books reads an hour at a time", async () => {
  const hourMs = Math.floor(NOW_MS / HOUR_MS) * HOUR_MS - 20 * HOUR_MS
  const routed = [{ topic: "events", partition: 0, offset: 1 }] as const
  expect(await faultsIn(() => store.openHours({ beganBeforeMs: NOW_MS - HOUR_MS, nowMs: NOW_MS }))).toEqual([])
  expect(await faultsIn(() => store.lookAt({ hourMs, nowMs: NOW_MS, routed }))).toEqual([])
  expect(await faultsIn(() => store.overdue({ dueBeforeMs: NOW_MS - 30 * HOUR_MS, nowMs: NOW_MS, after: undefined }))).toEqual([])
})

test("what is on its way in an old day is found without reading the day", async () => {
  const day = new Date(NOW_MS - 24 * HOUR_MS).toISOString().slice(0, 10).replaceAll("-", "")
  const old = tableOf("deliveries", { day, retentionHours: 0 })
  const counted = `select count(*) from (select from ${old} where state in ('scheduled', 'retrying') limit 10001) as found`
  expect(rowsOf.get(old.slice(old.indexOf(".") + 1))).toBeGreaterThan(BIG_ROWS)
  expect(await faultsOf(counted, [])).toEqual([])
})

test("what is counted by steps is what there is", async () => {
  for (const [from, to] of [
    [71.9, 0],
    [50.123, 3.456],
    [10.01, 10],
    [10, 9.99],
  ] as const) {
    const span = { sinceMs: Math.round(NOW_MS - from * HOUR_MS), untilMs: Math.round(NOW_MS - to * HOUR_MS) }
    const { rows } = await client.query<{ state: string; count: string }>(
      "select state, count(*) as count from posthorn.deliveries where created_at >= $1 and created_at < $2 group by state",
      [new Date(span.sinceMs), new Date(span.untilMs)],
    )
    const counted = await store.countDeliveries("every application", span)
    expect(Object.fromEntries(Object.entries(counted).filter(([, count]) => typeof count === "number" && count > 0))).toEqual(
      Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])),
    )
  }
})

test("a filter without an index is found out", async () => {
  const byNothing = "select id from posthorn.deliveries where reason = $1 order by created_at desc, id desc limit 21"
  expect(await faultsOf(byNothing, ["no such reason"])).not.toEqual([])
  expect(await faultsOf("select count(*) from posthorn.events where size_bytes > $1", [1])).not.toEqual([])
})
