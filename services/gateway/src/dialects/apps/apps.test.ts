import { attemptIdOf } from "@posthorn/core"
import { DeliveryState, ErrorClass, Outcome } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "../../deliveries-under-test.ts"
import type { Asking } from "../../gateway-under-test.ts"
import { startForDialects } from "../dialects-under-test.ts"

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let apps: Awaited<ReturnType<typeof posthorn.tenantOf>>

beforeAll(async () => {
  posthorn = await startForDialects()
  apps = await posthorn.tenantOf("apps")
})
afterAll(() => posthorn.stop())

const ask = (route: string, asking: Asking = {}) => apps.ask(route.replace(" /", ` /applications/${apps.application}/`), asking)
const canonical = async (id: string) => ok(await posthorn.gateway.ask(`GET /v1/subscriptions/${id}`))

const WANTED = {
  url: "https://example.com/hook",
  method: "PUT",
  headers: { authorization: "Basic eDp5" },
  events: ["user.created", "email.verified", "mfa.failed"],
  secret: "s3cret",
  is_active: true,
}

test("a webhook is created, read, listed, changed and deleted, with the model's fields and without its secret", async () => {
  const { secret: _, ...shown } = WANTED
  const created = await ask("POST /webhooks", { body: WANTED })
  const ids = { id: expect.stringMatching(/^sub_/), application: apps.application }
  expect([created.status, created.body]).toEqual([201, { ...ids, ...shown, created_at: TIME, updated_at: TIME }])
  const route = `/webhooks/${created.body.id}`
  expect(ok(await ask(`GET ${route}`))).toEqual(created.body)
  expect(ok(await ask("GET /webhooks"))[0]).toEqual(created.body)
  const patched = await ask(`PATCH ${route}`, { body: { is_active: false } })
  expect([patched.status, patched.body]).toEqual([200, { ...created.body, is_active: false, updated_at: TIME }])
  const put = await ask(`PUT ${route}`, { body: { url: WANTED.url, events: ["*"] } })
  const defaults = { method: "POST", headers: {}, events: ["*"], is_active: true }
  expect([put.status, put.body]).toEqual([200, { ...created.body, ...defaults, updated_at: TIME }])
  const deleted = await ask(`DELETE ${route}`)
  expect([deleted.status, deleted.body]).toEqual([204, ""])
  expect((await ask(`GET ${route}`)).status).toBe(404)
})

test("what is created is there in the canonical API, with the document's retries, and neither change nor replacement touches what is not shown", async () => {
  const { id } = ok(await ask("POST /webhooks", { body: WANTED }))
  const ours = { signatureStyle: "x-signature", retryPolicy: { delaysSeconds: [60, 300, 900, 3600] } }
  expect(await canonical(id)).toMatchObject({ applicationId: apps.application, eventTypes: WANTED.events, ...ours })
  ok(await posthorn.gateway.ask(`PATCH /v1/subscriptions/${id}`, { body: { timeoutMs: 2000, url: "https://example.com/elsewhere" } }))
  expect(ok(await ask(`PATCH /webhooks/${id}`, { body: { events: [] } })).url).toBe("https://example.com/elsewhere")
  ok(await ask(`PUT /webhooks/${id}`, { body: WANTED }))
  expect(await canonical(id)).toMatchObject({ url: WANTED.url, timeoutMs: 2000, ...ours })
  const wanted = { url: "https://example.com/other", eventTypes: ["a.*"] }
  const other = ok(await posthorn.gateway.ask(`POST /v1/applications/${apps.application}/subscriptions`, { body: wanted })).id
  expect(ok(await ask(`GET /webhooks/${other}`))).toMatchObject({ url: wanted.url, events: wanted.eventTypes, method: "POST", headers: {} })
})

test("faults are told by the model's names", async () => {
  const refused = async (route: string, body: object) => {
    const answer = await ask(route, { body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(400)
    return answer.body.details.map(({ field }: { field: string }) => field)
  }
  expect(await refused("POST /webhooks", {})).toEqual(["url", "events"])
  expect(await refused(`PUT /webhooks/${apps.subscription}`, { url: WANTED.url })).toEqual(["events"])
  expect(await refused("POST /webhooks", { ...WANTED, method: "GET", events: ["no spaces"] })).toEqual(["method", "events[0]"])
  expect(await refused("POST /webhooks", { ...WANTED, url: "http://10.0.0.1/" })).toEqual(["url"])
  expect(await refused(`PATCH /webhooks/${apps.subscription}`, { colour: "red" })).toEqual([])
  expect(await refused("POST /events", { data: {} })).toEqual(["event"])
  expect(await refused("POST /events", { event: "a", request_id: 1 })).toEqual(["request_id"])
})

test("only who administers the application gets in, by any of the routes", async () => {
  const others = await posthorn.tenantOf("apps")
  const token = await posthorn.deliveries.post(`/v1/applications/${apps.application}/keys`, { role: "sender", name: "s" })
  const sender: string = ok(token).token
  const { application, subscription } = apps
  const known = { url: WANTED.url, events: [] }
  for (const [route, body] of [
    ["GET /webhooks"],
    ["POST /webhooks", known],
    [`GET /webhooks/${subscription}`],
    [`PUT /webhooks/${subscription}`, known],
    [`PATCH /webhooks/${subscription}`, known],
    [`DELETE /webhooks/${subscription}`],
    [`GET /webhooks/${subscription}/logs`],
    ["POST /events", { event: "a" }],
  ] as const) {
    const status = async (key: string | null) => (await ask(route, { key, ...(body && { body }) })).status
    expect([await status(apps.viewer), await status(sender), await status(others.admin), await status(null)], route).toEqual([
      403, 403, 404, 401,
    ])
    // What belongs to somebody else is not reached by way of one's own application either.
    if (!route.includes(subscription)) continue
    const astray = route.replace(" /", ` /applications/${others.application}/`)
    expect((await others.ask(astray, body && { body })).status, astray).toBe(404)
  }
  const operator = await posthorn.gateway.ask(`GET /compat/apps/applications/${application}/webhooks/${subscription}`)
  expect(ok(operator)).toMatchObject({ id: subscription, application })
  const nowhere = await posthorn.gateway.ask("GET /compat/apps/applications/app_00000000000000000000000000/webhooks")
  expect(nowhere.status).toBe(404)
})

test("an event is published to the application, its data byte by byte, and is the same one when its request is repeated", async () => {
  const publish = async (body: string, headers: Readonly<Record<string, string>> = {}) =>
    ask("POST /events", { body, headers: { "content-type": "application/json", ...headers } })
  const body = '{"event":"user.created","data":{ "b":1.0, "a":[] },"request_id":"req-1"}'
  const accepted = await publish(body)
  expect([accepted.status, accepted.body]).toEqual([202, { id: expect.stringMatching(/^evt_/), status: "accepted" }])
  const event = await posthorn.deliveries.eventOf(accepted.body.id)
  expect(event).toMatchObject({ applicationId: apps.application, type: "user.created" })
  expect(Buffer.from(event.payload).toString()).toBe('{ "b":1.0, "a":[] }')
  expect((await publish(body)).body).toEqual(accepted.body)
  expect((await publish(body.replace("1.0", "2"))).status).toBe(409)
  const keyed = { "idempotency-key": "key-1" }
  const plain = '{"event":"user.created","data":1}'
  expect(ok(await publish(plain, keyed)).id).toBe(ok(await publish(plain, keyed)).id)
  expect(ok(await publish(plain)).id).not.toBe(ok(await publish(plain)).id)
})

test("the logs have every attempt with what was sent and answered, and the last one of a delivery that failed says so", async () => {
  const { id } = ok(await ask("POST /webhooks", { body: WANTED }))
  const { id: eventId } = ok(await ask("POST /events", { body: { event: "user.created", data: { kind: "refusal" } } }))
  const delivery = await posthorn.fannedOut(eventId, id)
  await posthorn.deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  const failure = { outcome: Outcome.FAILED, errorClass: ErrorClass.STATUS, statusCode: 500, durationMs: 3 }
  const request = { method: "PUT", url: WANTED.url, headers: { "webhook-id": delivery.id } }
  const attempt = { id: attemptIdOf(delivery.id, 2), number: 2, ...failure, request, response: { body: "broken" } }
  const finished = { delivery: delivery.facts, round: 1, attempt, state: DeliveryState.DEAD }
  await posthorn.deliveries.outcome(delivery, { case: "finished", value: finished })
  await posthorn.shown(delivery.id, "dead")
  const logs = ok(await ask(`GET /webhooks/${id}/logs`))
  const payload = { id: eventId, event: "user.created", timestamp: TIME, data: { kind: "refusal" }, metadata: {} }
  const common = { webhook: id, payload, delivered_at: null }
  expect(logs.toSorted((a: { attempt: number }, b: { attempt: number }) => a.attempt - b.attempt)).toEqual([
    {
      ...common,
      id: attemptIdOf(delivery.id, 1),
      headers: {},
      response_status: 503,
      response_body: null,
      attempt: 1,
      scheduled_at: TIME,
      failed: false,
    },
    {
      ...common,
      id: attemptIdOf(delivery.id, 2),
      headers: { "webhook-id": delivery.id },
      response_status: 500,
      response_body: "broken",
      attempt: 2,
      scheduled_at: null,
      failed: true,
    },
  ])
})

test("a delivery that arrived has its time in the logs, and its payload as it was sent", async () => {
  const { id } = ok(await ask("POST /webhooks", { body: WANTED }))
  ok(await posthorn.gateway.ask(`PATCH /v1/subscriptions/${id}`, { body: { bodyStyle: "raw" } }))
  const { id: eventId } = ok(await ask("POST /events", { body: { event: "mfa.failed", data: { kind: "refusal" } } }))
  const delivery = await posthorn.fannedOut(eventId, id)
  await posthorn.deliveries.attempted(delivery, 1, DeliveryState.DELIVERED)
  await posthorn.shown(delivery.id, "delivered")
  const delivered = { attempt: 1, response_status: 200, delivered_at: TIME, failed: false, payload: { kind: "refusal" } }
  expect(ok(await ask(`GET /webhooks/${id}/logs`))).toMatchObject([delivered])
})
