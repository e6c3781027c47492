import { DeliveryState } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "../../deliveries-under-test.ts"
import { hmac, startForDialects } from "../dialects-under-test.ts"

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let classic: Awaited<ReturnType<typeof posthorn.tenantOf>>

beforeAll(async () => {
  posthorn = await startForDialects()
  classic = await posthorn.tenantOf("classic")
})
afterAll(() => posthorn.stop())

/** The document's own bodies. */
const ADD = { target_url: "http://example.com/webhook", event_type: "order_created", secret_key: "mysecretkey" }
const UPDATE = { target_url: "http://newurl.com", event_type: "order_shipped", secret_key: "newkey", is_active: true }

const add = async (body: object = ADD): Promise<string> => ok(await classic.ask("POST /add_subscription", { body })).id
const canonical = async (id: string) => ok(await posthorn.gateway.ask(`GET /v1/subscriptions/${id}`))
const ingest = (id: string, body: string, secret: string) =>
  classic.ask(`POST /ingest/${id}`, {
    key: null,
    body,
    headers: { "content-type": "application/json", "x-signature": hmac(secret, body) },
  })

test("the document's subscription is added, listed while it is active, updated and deleted, in the document's words", async () => {
  const added = await classic.ask("POST /add_subscription", { body: ADD })
  expect([added.status, added.body]).toEqual([201, { id: expect.stringMatching(/^sub_/) }])
  const { id } = added.body
  const listed = async () => ok(await classic.ask("GET /subscriptions")).filter((each: { id: string }) => each.id === id)
  expect(await listed()).toEqual([{ id, url: ADD.target_url, event: ADD.event_type }])
  const updated = await classic.ask(`PUT /update_subscription/${id}`, { body: UPDATE })
  expect([updated.status, updated.body]).toEqual([200, { message: "Subscription updated successfully" }])
  expect(await listed()).toEqual([{ id, url: UPDATE.target_url, event: UPDATE.event_type }])
  ok(await classic.ask(`PUT /update_subscription/${id}`, { body: { is_active: false } }))
  expect(await listed()).toEqual([])
  const deleted = await classic.ask(`DELETE /delete_subscription/${id}`)
  expect([deleted.status, deleted.body]).toEqual([200, { message: "Subscription deleted successfully" }])
  expect((await classic.ask(`PUT /update_subscription/${id}`, { body: UPDATE })).status).toBe(404)
})

test("what the dialect adds is there in the canonical API, signed and verified by the one secret, and the reverse", async () => {
  const id = await add()
  expect(await canonical(id)).toMatchObject({
    applicationId: classic.application,
    url: ADD.target_url,
    eventTypes: [ADD.event_type],
    signatureStyle: "x-signature",
    source: { scheme: "x-signature", defaultEventType: ADD.event_type },
  })
  const wanted = {
    url: "https://example.com/",
    eventTypes: ["a.b", "c.*"],
    source: { scheme: "hub", secret: "x", eventTypeHeader: "x-kind" },
  }
  const other = ok(await posthorn.gateway.ask(`POST /v1/applications/${classic.application}/subscriptions`, { body: wanted })).id
  expect(ok(await classic.ask("GET /subscriptions"))).toContainEqual({ id: other, url: wanted.url, event: "a.b,c.*" })
  ok(await classic.ask(`PUT /update_subscription/${other}`, { body: { secret_key: "y", event_type: "d" } }))
  expect(await canonical(other)).toMatchObject({
    source: { scheme: "hub", eventTypeHeader: "x-kind", defaultEventType: "d" },
    eventTypes: ["d"],
  })
})

test("an event is taken in by its signature, and a new secret takes the place of the old one at once", async () => {
  const id = await add()
  const body = '{"event": "order_created", "data": {"total": 9.90}}'
  const accepted = await ingest(id, body, ADD.secret_key)
  expect([accepted.status, accepted.body]).toEqual([202, { message: "Request accepted for processing" }])
  const { facts } = await posthorn.routed(id)
  expect(facts.eventType).toBe("order_created")
  expect(Buffer.from((await posthorn.deliveries.eventOf(facts.eventId)).payload).toString()).toBe(body)
  ok(await classic.ask(`PUT /update_subscription/${id}`, { body: { secret_key: "newkey" } }))
  expect((await ingest(id, body, ADD.secret_key)).status).toBe(401)
  expect((await ingest(id, body, "newkey")).status).toBe(202)
  expect((await classic.ask(`POST /ingest/${id}`, { body })).status).toBe(401)
})

test("an event is of the type that its body names, else of its subscription's", async () => {
  const id = await add()
  ok(await ingest(id, '{"event":"user.gone"}', ADD.secret_key))
  expect((await posthorn.routed(id)).facts.eventType).toBe("user.gone")
  ok(await ingest(id, '{"data":1}', ADD.secret_key))
  expect((await posthorn.routed(id)).facts.eventType).toBe(ADD.event_type)
  for (const body of ['{"event":1}', '{"event":"no spaces"}'])
    expect(await ingest(id, body, ADD.secret_key)).toMatchObject({ status: 400, body: { details: [{ field: "event" }] } })
  expect((await ingest(id, "[]", ADD.secret_key)).status).toBe(400)
})

test("a subscription without a secret takes events in by key", async () => {
  const id = await add({ target_url: ADD.target_url, event_type: ADD.event_type })
  expect((await classic.ask(`POST /ingest/${id}`, { key: null, body: { event: "a", data: {} } })).status).toBe(401)
  expect((await classic.ask(`POST /ingest/${id}`, { body: { event: "a", data: {} } })).status).toBe(202)
  // A secret makes it verify signatures, an empty one has it ask for a key again.
  ok(await classic.ask(`PUT /update_subscription/${id}`, { body: { secret_key: "k" } }))
  expect((await ingest(id, "{}", "k")).status).toBe(202)
  ok(await classic.ask(`PUT /update_subscription/${id}`, { body: { secret_key: "" } }))
  expect((await ingest(id, "{}", "k")).status).toBe(401)
  expect((await classic.ask(`POST /ingest/${id}`, { body: {} })).status).toBe(202)
})

test("attempts are told newest first, with the document's names and times without a zone", async () => {
  const id = await add()
  ok(await ingest(id, '{"event":"a"}', ADD.secret_key))
  const first = await posthorn.routed(id)
  await posthorn.deliveries.attempted(first, 1, DeliveryState.RETRYING)
  await posthorn.deliveries.attempted(first, 2, DeliveryState.DELIVERED)
  await posthorn.shown(first.id, "delivered")
  const success = { attempt: 2, status: "success", http_code: 200, Error_details: null, timestamp: TIME }
  const failure = { attempt: 1, status: "failed", http_code: 503, Error_details: null, timestamp: TIME }
  const { eventId } = first.facts
  const ofSubscription = ok(await classic.ask(`GET /subscription_deliveries/${id}`))
  expect(ofSubscription).toEqual([
    { event_id: eventId, ...success },
    { event_id: eventId, ...failure },
  ])
  expect(Object.keys(ofSubscription[0])).toEqual(["event_id", "attempt", "status", "http_code", "Error_details", "timestamp"])
  const ofEvent = ok(await classic.ask(`GET /delivery_status/${eventId}`))
  expect(ofEvent).toEqual([failure, success])
  expect(Object.keys(ofEvent[0])).toEqual(["attempt", "status", "http_code", "Error_details", "timestamp"])
})

test("of many attempts the twenty newest are told", async () => {
  const id = await add()
  for (let count = 0; count < 8; count++) {
    ok(await ingest(id, `{"data":${count}}`, ADD.secret_key))
    const delivery = await posthorn.routed(id)
    for (const number of [1, 2, 3]) await posthorn.deliveries.attempted(delivery, number, DeliveryState.RETRYING)
    await posthorn.shown(delivery.id, "retrying")
  }
  const told: { attempt: number }[] = ok(await classic.ask(`GET /subscription_deliveries/${id}`))
  expect([told.length, told[0]?.attempt, told.at(-1)?.attempt]).toEqual([20, 3, 1])
})

test("the target answers in the document's spelling, to everybody", async () => {
  const answer = await classic.ask("POST /webhook", { key: null, body: {} })
  expect([answer.status, answer.body]).toEqual([200, { messgae: "Post reached to target url" }])
  const gateway = await posthorn.installation.gateway({
    rootDialect: { name: "classic", applicationId: classic.application, keylessFrom: undefined },
  })
  expect((await gateway.ask("POST /webhook", { key: null })).body).toEqual({ messgae: "Post reached to target url" })
  await gateway.stop()
})
