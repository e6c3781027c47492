import { DeliveryState } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "../../deliveries-under-test.ts"
import { startForDialects } from "../dialects-under-test.ts"

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let rest: Awaited<ReturnType<typeof posthorn.tenantOf>>

beforeAll(async () => {
  posthorn = await startForDialects()
  rest = await posthorn.tenantOf("rest")
})
afterAll(() => posthorn.stop())

const wanted = { target_url: "https://example.com/hook", secret: "s3cret", event_types: ["order.created", "user.*"], is_active: true }

test("a subscription is created, read, listed, updated and deleted, without its secret", async () => {
  const created = await rest.ask("POST /subscriptions", { body: wanted })
  const { secret: _, ...shown } = wanted
  expect(created).toMatchObject({ status: 201 })
  expect(created.body).toEqual({ id: expect.stringMatching(/^sub_/), ...shown, created_at: TIME, updated_at: TIME })
  const route = `/subscriptions/${created.body.id}`
  expect(ok(await rest.ask(`GET ${route}`))).toEqual(created.body)
  expect(ok(await rest.ask("GET /subscriptions"))[0]).toEqual(created.body)
  const updated = await rest.ask(`PUT ${route}`, { body: { is_active: false } })
  expect(updated).toMatchObject({ status: 200, body: { ...shown, id: created.body.id, is_active: false } })
  const deleted = await rest.ask(`DELETE ${route}`)
  expect([deleted.status, deleted.body]).toEqual([204, ""])
  expect((await rest.ask(`GET ${route}`)).status).toBe(404)
})

test("what the dialect makes is there in the canonical API with all that it does not show, and the reverse", async () => {
  const { id } = ok(await rest.ask("POST /subscriptions", { body: wanted }))
  const canonical = ok(await posthorn.gateway.ask(`GET /v1/subscriptions/${id}`))
  expect(canonical).toMatchObject({ applicationId: rest.application, url: wanted.target_url, signatureStyle: "x-webhook-signature" })
  const change = { url: "https://example.com/elsewhere", timeoutMs: 2000 }
  ok(await posthorn.gateway.ask(`PATCH /v1/subscriptions/${id}`, { body: change }))
  expect(ok(await rest.ask(`PUT /subscriptions/${id}`, { body: { event_types: [] } }))).toMatchObject({
    target_url: change.url,
    event_types: [],
  })
  expect(ok(await posthorn.gateway.ask(`GET /v1/subscriptions/${id}`))).toMatchObject({ ...change, eventTypes: [] })
  expect(ok(await rest.ask(`GET /subscriptions/${rest.subscription}`))).toMatchObject({ target_url: "https://example.com/" })
})

test("a subscription of which only the URL is said is active and for every event type; an update that says nothing is refused", async () => {
  const created = ok(await rest.ask("POST /subscriptions", { body: { target_url: "https://example.com/", secret: null } }))
  expect(created).toMatchObject({ event_types: ["*"], is_active: true })
  expect((await rest.ask(`PUT /subscriptions/${created.id}`, { body: { colour: "red" } })).status).toBe(400)
  expect(await rest.ask("POST /subscriptions", { body: {} })).toMatchObject({ status: 400, body: { details: [{ field: "target_url" }] } })
})

test("a list without pages has every subscription", async () => {
  const { ask } = await posthorn.tenantOf("rest")
  const made: string[] = []
  const body = { target_url: "https://example.com/" }
  for (let count = 0; count < 201; count++) made.push(ok(await ask("POST /subscriptions", { body })).id)
  const listed: string[] = ok(await ask("GET /subscriptions")).map(({ id }: { id: string }) => id)
  // The tenant has one of its own.
  expect(listed.slice(0, -1).toSorted()).toEqual(made.toSorted())
})

test("a payload becomes a delivery task whose attempts are told", async () => {
  const { id } = ok(await rest.ask("POST /subscriptions", { body: wanted }))
  const headers = { "x-webhook-event": "order.created" }
  const accepted = await rest.ask(`POST /ingest/${id}`, { body: { order: 1 }, headers })
  expect(accepted).toMatchObject({ status: 202, body: { delivery_task_id: expect.stringMatching(/^dlv_/), status: "pending" } })
  expect(Object.keys(accepted.body)).toEqual(["delivery_task_id", "status"])
  const task = accepted.body.delivery_task_id
  const delivery = await posthorn.routed(id)
  await posthorn.deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  await posthorn.deliveries.attempted(delivery, 2, DeliveryState.DELIVERED)
  await posthorn.shown(task, "delivered")
  const told = { delivery_task_id: task, subscription_id: id, event_type: "order.created", status: "delivered", attempt_count: 2 }
  const read = ok(await rest.ask(`GET /delivery/${task}`))
  expect(read).toMatchObject({ ...told, last_status_code: 200, last_error: null, created_at: TIME, next_attempt_at: null })
  expect(read.attempts).toEqual([
    { attempt: 1, status: "failed", status_code: 503, error: null, timestamp: TIME, duration_ms: 0 },
    { attempt: 2, status: "success", status_code: 200, error: null, timestamp: TIME, duration_ms: 0 },
  ])
  const listed = ok(await rest.ask(`GET /subscriptions/${id}/deliveries`))
  expect(listed).toMatchObject([told])
  expect(ok(await posthorn.gateway.ask(`GET /v1/deliveries/${task}`))).toMatchObject({ state: "delivered", attemptCount: 2 })
})

test("a payload needs a key where no signature is asked for, and its subscription has to be active", async () => {
  const { id } = ok(await rest.ask("POST /subscriptions", { body: { ...wanted, is_active: false } }))
  expect((await rest.ask(`POST /ingest/${id}`, { key: null, body: {} })).status).toBe(401)
  expect((await rest.ask(`POST /ingest/${id}`, { key: rest.viewer, body: {} })).status).toBe(403)
  expect((await rest.ask(`POST /ingest/${id}`, { body: {} })).status).toBe(409)
})

test("health has one status for each component, and the documentation is Posthorn's", async () => {
  const health = await rest.ask("GET /health", { key: null })
  const canonical = await posthorn.gateway.ask("GET /health", { key: null })
  expect([health.status, Object.keys(health.body.components)]).toEqual([canonical.status, Object.keys(canonical.body.components)])
  const docs = await fetch(`${posthorn.gateway.httpUrl}/compat/rest/docs`, { redirect: "manual" })
  expect([docs.status, docs.headers.get("location")]).toEqual([307, "/docs"])
})
