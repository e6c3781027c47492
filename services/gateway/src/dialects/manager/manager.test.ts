import { attemptIdOf } from "@posthorn/core"
import { DeliveryState, ErrorClass, Outcome } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "../../deliveries-under-test.ts"
import { NO_ANALYTICS } from "../../gateway-under-test.ts"
import { startForDialects } from "../dialects-under-test.ts"

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let manager: Awaited<ReturnType<typeof posthorn.tenantOf>>

beforeAll(async () => {
  posthorn = await startForDialects()
  manager = await posthorn.tenantOf("manager")
})
afterAll(() => posthorn.stop())

/** The document's own arguments. */
const ORDERS = {
  url: "https://api.example.com/webhook",
  events: ["order.created", "order.updated"],
  secret: "secret-key",
  retry_count: 3,
  retry_delay: 5,
  timeout: 30,
  headers: { "X-API-Key": "key" },
}
const DATA = { url: "https://example.com/webhook", events: ["data.created", "data.updated"], secret: "your-secret-key" }
const TEST = { url: "https://httpbin.org/post", event: "test.ping", data: { test: true } }

const register = async (body: object = ORDERS): Promise<string> => ok(await manager.ask("POST /api/webhooks", { body })).id
const canonical = async (id: string) => ok(await posthorn.gateway.ask(`GET /v1/subscriptions/${id}`))
const fieldsOf = (body: { details: { field: string }[] }) => body.details.map(({ field }) => field)

test("the document's webhook is registered, read, listed, updated and deleted, with its fields and without its secret", async () => {
  const { secret: _, ...shown } = ORDERS
  const created = await manager.ask("POST /api/webhooks", { body: ORDERS })
  const all = { id: expect.stringMatching(/^sub_/), ...shown, active: true, metadata: {}, created_at: TIME, updated_at: TIME }
  expect([created.status, created.body]).toEqual([201, all])
  const route = `/api/webhooks/${created.body.id}`
  expect(ok(await manager.ask(`GET ${route}`))).toEqual(created.body)
  expect(ok(await manager.ask("GET /api/webhooks"))[0]).toEqual(created.body)
  const change = { active: false, metadata: { team: "orders" }, timeout: 0.5, events: ["*"] }
  const updated = await manager.ask(`PATCH ${route}`, { body: change })
  expect([updated.status, updated.body]).toEqual([200, { ...created.body, ...change, updated_at: TIME }])
  const deleted = await manager.ask(`DELETE ${route}`)
  expect([deleted.status, deleted.body]).toEqual([204, ""])
  for (const method of ["GET", "PATCH", "DELETE"])
    expect((await manager.ask(`${method} ${route}`, method === "PATCH" ? { body: change } : {})).status).toBe(404)
})

test("what is registered is there in the canonical API, signed over its envelope, and the reverse", async () => {
  expect(await canonical(await register())).toMatchObject({
    applicationId: manager.application,
    url: ORDERS.url,
    eventTypes: ORDERS.events,
    signatureStyle: "x-webhook-signature",
    bodyStyle: "envelope",
    retryPolicy: { retryCount: 3, retryDelaySeconds: 5 },
    timeoutMs: 30_000,
  })
  const wanted = { url: "https://example.com/", eventTypes: ["a.*"], retryPolicy: { delaysSeconds: [1, 2] }, timeoutMs: 1500 }
  const other = ok(await posthorn.gateway.ask(`POST /v1/applications/${manager.application}/subscriptions`, { body: wanted })).id
  const shown = ok(await manager.ask(`GET /api/webhooks/${other}`))
  expect(shown).toMatchObject({ url: wanted.url, events: wanted.eventTypes, retry_count: null, retry_delay: null, timeout: 1.5 })
  ok(await manager.ask(`PATCH /api/webhooks/${other}`, { body: { active: false } }))
  expect(await canonical(other)).toMatchObject({ ...wanted, enabled: false })
  // Either half of the dialect's schedule takes the place of another kind.
  ok(await manager.ask(`PATCH /api/webhooks/${other}`, { body: { retry_delay: 7 } }))
  expect((await canonical(other)).retryPolicy).toEqual({ delaysSeconds: [], retryCount: 10, retryDelaySeconds: 7 })
})

test("a webhook of which little is said retries for hours, and an update of one half of its schedule leaves the other", async () => {
  const id = await register(DATA)
  expect(ok(await manager.ask(`GET /api/webhooks/${id}`))).toMatchObject({ active: true, retry_count: 10, retry_delay: 60, timeout: 15 })
  const updated = async (body: object) => ok(await manager.ask(`PATCH /api/webhooks/${id}`, { body }))
  expect(await updated({ retry_count: 0 })).toMatchObject({ retry_count: 0, retry_delay: 60 })
  expect(await updated({ retry_delay: 5 })).toMatchObject({ retry_count: 0, retry_delay: 5, url: DATA.url, events: DATA.events })
})

test("faults are told by the document's names", async () => {
  const refused = async (body: object | string, route = "POST /api/webhooks") => {
    const answer = await manager.ask(route, { body, headers: { "content-type": "application/json" } })
    expect(answer.status).toBe(400)
    return fieldsOf(answer.body)
  }
  expect(await refused({ url: DATA.url })).toEqual(["events"])
  expect(await refused({ events: ["*"] })).toEqual(["url"])
  const wrong = { url: 1, events: "*", active: "yes", retry_count: 1.5, timeout: 61, headers: { a: 1 }, metadata: [] }
  expect(await refused({ ...wrong, retry_delay: 2 ** 40 })).toEqual([
    "url",
    "events",
    "active",
    "retry_count",
    "retry_delay",
    "timeout",
    "headers",
    "metadata",
  ])
  expect(await refused({ ...DATA, retry_count: 11, retry_delay: -1 })).toEqual(["retry_count", "retry_delay"])
  expect(await refused({ ...DATA, headers: { Host: "elsewhere" } })).toEqual(["headers.Host"])
  expect(await refused({ url: "http://10.0.0.1/" }, "POST /api/webhooks/test")).toEqual(["url"])
  expect(await refused({ colour: "red" }, `PATCH /api/webhooks/${manager.subscription}`)).toEqual([])
  for (const event of [undefined, "", "no spaces"]) expect(await refused({ event, data: 1 }, "POST /api/events/trigger")).toEqual(["event"])
  expect(await refused({ event: "a", metadata: { n: 1 } }, "POST /api/events/trigger")).toEqual(["metadata"])
  expect(await refused('{"kind":"refusal","code":"not_found","message":"","details":[]}')).toEqual(["events"])
})

test("an event is triggered for all who want it, its data byte by byte", async () => {
  const body = '{"event": "data.created", "data": { "id":"123", "price": 1.50 }, "metadata": {"source": "api"}, "priority": 1}'
  const headers = { "content-type": "application/json" }
  const accepted = await manager.ask("POST /api/events/trigger", { body, headers })
  expect([accepted.status, accepted.body]).toEqual([202, { id: expect.stringMatching(/^evt_/), status: "accepted" }])
  const event = await posthorn.deliveries.eventOf(accepted.body.id)
  expect(event).toMatchObject({
    applicationId: manager.application,
    type: "data.created",
    metadata: { source: "api" },
    onlySubscriptionId: "",
  })
  expect(Buffer.from(event.payload).toString()).toBe('{ "id":"123", "price": 1.50 }')
})

test("a trigger that is sent again with its idempotency key is one event", async () => {
  const trigger = async (data: number) =>
    manager.ask("POST /api/events/trigger", { body: { event: "a", data }, headers: { "idempotency-key": "once" } })
  const { id } = ok(await trigger(1))
  expect(ok(await trigger(1)).id).toBe(id)
  expect((await trigger(2)).status).toBe(409)
})

test("who may only look triggers and changes nothing", async () => {
  for (const route of ["POST /api/events/trigger", "POST /api/webhooks", "POST /api/webhooks/test"]) {
    expect((await manager.ask(route, { key: manager.viewer, body: {} })).status, route).toBe(403)
    expect((await manager.ask(route, { key: null, body: {} })).status, route).toBe(401)
  }
  for (const route of ["GET /api/webhooks", "GET /api/events", "GET /api/deliveries"])
    expect((await manager.ask(route, { key: manager.viewer })).status, route).toBe(200)
})

test("event types are listed by name, the predefined ones and the application's own", async () => {
  const made = { name: "order.created" }
  ok(await posthorn.gateway.ask(`POST /v1/applications/${manager.application}/event-types`, { body: made }))
  const listed = ok(await manager.ask("GET /api/events"))
  for (const name of ["system.startup", "data.created", "process.failed", "health.check", "alert.triggered", "metric.threshold", made.name])
    expect(listed).toContain(name)
})

test("recent deliveries are attempts with the columns of the document, of one's own application", async () => {
  const tenant = await posthorn.tenantOf("manager")
  const { id: payload } = ok(await tenant.ask("POST /api/events/trigger", { body: { event: "order.created", data: {} } }))
  const delivery = await posthorn.fannedOut(payload, tenant.subscription)
  await posthorn.deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  const failure = { outcome: Outcome.FAILED, errorClass: ErrorClass.TIMEOUT, error: "no answer within 15 s", durationMs: 15_000 }
  const attempt = { id: attemptIdOf(delivery.id, 2), number: 2, ...failure }
  await posthorn.deliveries.outcome(delivery, {
    case: "finished",
    value: { delivery: delivery.facts, round: 1, attempt, state: DeliveryState.DEAD },
  })
  await posthorn.shown(delivery.id, "dead")
  const listed = ok(await tenant.ask("GET /api/deliveries"))
  const both = { webhook_id: tenant.subscription, payload_id: payload, status: "failed" }
  expect(listed).toEqual(
    expect.arrayContaining([
      {
        id: attemptIdOf(delivery.id, 1),
        ...both,
        attempt_number: 1,
        response_code: 503,
        response_body: null,
        error_message: null,
        timestamp: TIME,
        duration_ms: 0,
      },
      {
        id: attemptIdOf(delivery.id, 2),
        ...both,
        attempt_number: 2,
        response_code: null,
        response_body: null,
        error_message: failure.error,
        timestamp: null,
        duration_ms: 15_000,
      },
    ]),
  )
  expect(listed).toHaveLength(2)
})

test("statistics have the document's shape, and zeros where nothing happened", async () => {
  const { ask, ...tenant } = await posthorn.tenantOf("manager")
  ok(await posthorn.gateway.ask(`POST /v1/subscriptions/${tenant.subscription}:disable`, { body: {} }))
  ok(await ask("POST /api/webhooks", { body: DATA }))
  let measured = {}
  const totals = async () => ({ events: 0, measured: measured as never, failures: [] })
  const gateway = await posthorn.installation.gateway({ analytics: { ...NO_ANALYTICS, totals } })
  const stats = async () => ok(await gateway.ask("GET /compat/manager/api/stats", { key: tenant.viewer }))
  const webhooks = { active: 1, total: 2 }
  await eventually(async () => expect(await stats()).toMatchObject({ webhooks }), {
    timeoutMs: 15_000,
    intervalMs: 30,
    what: "both webhooks in the view",
  })
  expect((await stats()).deliveries_24h).toEqual({ total: 0, successful: 0, failed: 0, avg_duration_ms: 0 })
  measured = { attempts: 1234, delivered: 1200, failed: 34, duration_average: 156.6789 }
  const deliveries = { total: 1234, successful: 1200, failed: 34, avg_duration_ms: 156.7 }
  expect(await stats()).toEqual({ webhooks, deliveries_24h: deliveries })
  await gateway.stop()
})

test.each([
  ["answers", DeliveryState.DELIVERED, { status: "success", response_code: 200 }],
  ["fails", DeliveryState.RETRYING, { status: "failed", response_code: 503 }],
])("the test of a URL that %s tells of its one attempt, and leaves no subscription behind", async (_, state, told) => {
  const answering = manager.ask("POST /api/webhooks/test", { body: TEST })
  const made = await eventually(
    async () => {
      const { subscriptions } = ok(await posthorn.gateway.ask(`GET /v1/applications/${manager.application}/subscriptions`))
      const found = subscriptions.find(({ url }: { url: string }) => url === TEST.url)
      const delivery = await posthorn.routed(found.id)
      return { found, delivery }
    },
    { timeoutMs: 15_000, intervalMs: 20, what: "the event of the test" },
  )
  expect(made.found).toMatchObject({ eventTypes: [], bodyStyle: "envelope" })
  expect(made.delivery.facts.eventType).toBe(TEST.event)
  await posthorn.deliveries.attempted(made.delivery, 1, state)
  const answer = await answering
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({
    id: attemptIdOf(made.delivery.id, 1),
    webhook_id: made.found.id,
    payload_id: made.delivery.facts.eventId,
    attempt_number: 1,
    response_body: null,
    error_message: null,
    timestamp: TIME,
    duration_ms: 0,
    ...told,
  })
  expect((await manager.ask(`GET /api/webhooks/${made.found.id}`)).status).toBe(404)
  const { payload } = await posthorn.deliveries.eventOf(made.delivery.facts.eventId)
  expect(JSON.parse(Buffer.from(payload).toString())).toEqual(TEST.data)
})

test("the documentation is Posthorn's", async () => {
  const docs = await fetch(`${posthorn.gateway.httpUrl}/compat/manager/docs`, { redirect: "manual" })
  expect([docs.status, docs.headers.get("location")]).toEqual([307, "/docs"])
})
