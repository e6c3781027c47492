import { DeliveryState, ErrorClass, Outcome } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "../../deliveries-under-test.ts"
import { hmac, startForDialects } from "../dialects-under-test.ts"

const SECRET = "It's a Secret to Everybody"
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let hub: Awaited<ReturnType<typeof posthorn.tenantOf>>
let subscription: string

beforeAll(async () => {
  posthorn = await startForDialects()
  hub = await posthorn.tenantOf("hub")
  const wanted = { url: "https://example.com/target", source: { scheme: "hub", secret: SECRET } }
  subscription = ok(await posthorn.gateway.ask(`POST /v1/applications/${hub.application}/subscriptions`, { body: wanted })).id
})
afterAll(() => posthorn.stop())

const ingest = (body: string, headers: Readonly<Record<string, string>>) =>
  hub.ask(`POST /api/webhooks/ingest/${subscription}`, { key: null, body, headers: { "content-type": "application/json", ...headers } })
const signed = (body: string) => ({ "x-hub-signature-256": `sha256=${hmac(SECRET, body)}`, "x-webhook-event": "order.paid" })

test("a payload is taken in by its signature alone, byte by byte, under the event that its header names", async () => {
  const body = '{ "b": 1.50, "a":[] }'
  const accepted = await ingest(body, signed(body))
  expect(accepted).toMatchObject({ status: 202, body: { webhook_id: expect.stringMatching(/^dlv_/), status: "pending" } })
  expect(Object.keys(accepted.body)).toEqual(["webhook_id", "status"])
  const { facts } = await posthorn.routed(subscription)
  expect(facts).toMatchObject({ deliveryId: accepted.body.webhook_id, eventType: "order.paid" })
  expect(Buffer.from((await posthorn.deliveries.eventOf(facts.eventId)).payload).toString()).toBe(body)
})

test("a payload whose signature is missing, garbage or another's is refused, whatever the key", async () => {
  const { "x-hub-signature-256": right } = signed("{}")
  for (const signature of [undefined, "", "sha256=", right.replace("sha256=", ""), `sha256=${hmac("another", "{}")}`]) {
    const headers = signature === undefined ? {} : { "x-hub-signature-256": signature }
    expect((await ingest("{}", headers)).status).toBe(401)
    expect((await hub.ask(`POST /api/webhooks/ingest/${subscription}`, { body: "{}", headers })).status).toBe(401)
  }
  expect((await ingest("{ }", signed("{}"))).status).toBe(401)
})

test("what is taken in is limited as it is by the canonical ingest", async () => {
  const gateway = await posthorn.installation.gateway({ ingestRateLimit: { count: 1, periodSeconds: 60 } })
  const other = ok(
    await gateway.ask(`POST /v1/applications/${hub.application}/subscriptions`, { body: { url: "https://example.com/" } }),
  ).id
  const asking = { key: hub.admin, body: {} }
  expect((await gateway.ask(`POST /compat/hub/api/webhooks/ingest/${other}`, asking)).status).toBe(202)
  const refused = await gateway.ask(`POST /compat/hub/api/webhooks/ingest/${other}`, asking)
  expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true])
  expect((await gateway.ask(`POST /v1/ingest/${other}`, asking)).status).toBe(429)
  await gateway.stop()
})

test("the status shows every attempt with its HTTP status and its error", async () => {
  const { webhook_id: id } = ok(await ingest("[1]", signed("[1]")))
  const delivery = await posthorn.routed(subscription)
  // Found at once, before the views have been looked at.
  expect(ok(await hub.ask(`GET /api/webhooks/${id}/status`))).toMatchObject({ webhook_id: id, attempts: [] })
  await posthorn.deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  await posthorn.shown(id, "retrying")
  const failure = { outcome: Outcome.FAILED, errorClass: ErrorClass.TIMEOUT, error: "no answer within 15 s" }
  const finished = { delivery: delivery.facts, round: 1, attempt: { id: "att_2", number: 2, ...failure }, state: DeliveryState.DEAD }
  await posthorn.deliveries.outcome(delivery, { case: "finished", value: finished })
  await posthorn.shown(id, "dead")
  expect(ok(await hub.ask(`GET /api/webhooks/${id}/status`))).toEqual({
    webhook_id: id,
    subscription_id: subscription,
    event: "order.paid",
    status: "failed",
    created_at: TIME,
    attempts: [
      { attempt: 1, http_status: 503, error: null, attempted_at: TIME },
      { attempt: 2, http_status: null, error: "no answer within 15 s", attempted_at: null },
    ],
  })
})

test("the webhooks of a subscription are listed, newest first", async () => {
  const first = ok(await ingest("[2]", signed("[2]"))).webhook_id
  await posthorn.routed(subscription)
  const second = ok(await ingest("[3]", signed("[3]"))).webhook_id
  await posthorn.routed(subscription)
  await posthorn.shown(second, "scheduled")
  const listed = ok(await hub.ask(`GET /api/webhooks/subscription/${subscription}`))
  expect(listed.slice(0, 2)).toEqual([
    { webhook_id: second, subscription_id: subscription, event: "order.paid", status: "pending", created_at: TIME },
    { webhook_id: first, subscription_id: subscription, event: "order.paid", status: "pending", created_at: TIME },
  ])
})

test("what does not exist is not found, and an event type that cannot be is told by its header", async () => {
  expect((await hub.ask("GET /api/webhooks/dlv_00000000000000000000000000/status")).status).toBe(404)
  const refused = await ingest("{}", { ...signed("{}"), "x-webhook-event": "no spaces" })
  expect(refused).toMatchObject({ status: 400, body: { details: [{ field: "x-webhook-event" }] } })
})
