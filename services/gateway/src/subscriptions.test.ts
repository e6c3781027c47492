import { createHmac } from "node:crypto"
import { fromBinary } from "@bufbuild/protobuf"
import { deliveryIdOf, secretPlace } from "@posthorn/core"
import { followConfig, type ConfigFollower } from "@posthorn/log"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startInstallation, type Answer, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"
import { project } from "./projecting-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
let follower: ConfigFollower
let application: string
let stranger: string
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  ask = gateway.ask
  follower = await followConfig(installation.log)
  application = ok(await ask("POST /v1/applications", { body: { name: "shop" } })).id
  const other = ok(await ask("POST /v1/applications", { body: { name: "other" } })).id
  stranger = ok(await ask(`POST /v1/applications/${other}/keys`, { body: { role: "admin" } })).token
})
afterAll(async () => {
  await follower?.close()
  await gateway?.stop()
  await installation?.stop()
})

const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}
const path = (rest = "") => `/v1/applications/${application}/subscriptions${rest}`
const subscribe = async (body: object = {}) =>
  ok(await ask(`POST ${path()}`, { body: { url: "https://example.com/hook", eventTypes: ["*"], ...body } }))
const fieldsOf = ({ status, body }: Answer): string[] => {
  expect(status).toBe(400)
  return body.details.map(({ field }: { field: string }) => field)
}
const read = async (id: string) => ok(await ask(`GET /v1/subscriptions/${id}`))

async function eventOf(id: string): Promise<EventAccepted> {
  const events: EventAccepted[] = []
  const ends = await installation.log.ends("events")
  await installation.log.read(
    ends.map(({ partition, low, high }) => ({ topic: "events", partition, from: low, to: high })),
    (records) => events.push(...records.map(({ value }) => fromBinary(EventAcceptedSchema, value))),
  )
  const found = events.filter(({ eventId }) => eventId === id)
  expect(found).toHaveLength(1)
  return found[0]!
}

const secretsOf = async (id: string) => {
  await follower.reached((await installation.log.ends("config"))[0]!.high)
  const { secrets, subscription } = follower.table.subscription(id)!
  return secrets.map(({ encrypted, expiresAt }) => ({
    text: installation.box.open(encrypted, secretPlace(subscription, "secret")),
    seconds: expiresAt && Number(expiresAt.seconds),
  }))
}

test("a filter is kept as it was sent, changed and removed like every other field, and refused with all of its faults", async () => {
  const filter = { data: { amount: { $gte: 100.5 }, tags: { $in: ["a", null] } }, metadata: { $not: { test: "1" } } }
  const { id } = await subscribe({ filter })
  expect((await read(id)).filter).toEqual(filter)
  ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: { description: "d" } }))
  expect((await read(id)).filter).toEqual(filter)
  const refused = await ask(`PATCH /v1/subscriptions/${id}`, { body: { filter: { nothing: 1, data: { a: { $regex: "x" }, b: [] } } } })
  expect(fieldsOf(refused)).toEqual(["subscription.filter.nothing", "subscription.filter.data.a.$regex", "subscription.filter.data.b"])
  ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: { filter: null } }))
  expect((await read(id)).filter).toBeUndefined()
  ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: { filter } }))
  const { url, eventTypes } = await read(id)
  expect(ok(await ask(`PUT /v1/subscriptions/${id}`, { body: { url, eventTypes } })).filter).toBeUndefined()
})

test("a filter can be tried on an event, by whoever may read, and says which clause fails", async () => {
  const viewer = ok(await ask(`POST /v1/applications/${application}/keys`, { body: { role: "viewer" } })).token
  const filter = { type: { $startsWith: "order." }, data: { items: { sku: "A", count: { $gte: 2 } } } }
  const trying = (data: unknown, key = viewer) =>
    ask(`POST ${path(":testFilter")}`, { key, body: { filter, event: { type: "order.created", data, metadata: { a: "b" } } } })
  expect(ok(await trying({ items: [{ sku: "A", count: 2 }] }))).toEqual({ matches: true })
  expect(ok(await trying({ items: [{ sku: "B", count: 2 }] }))).toEqual({
    matches: false,
    failedClause: { path: "data.items[*].sku", operator: "$eq", expected: '"A"', actual: '"B"' },
  })
  expect(ok(await trying(undefined)).failedClause).toMatchObject({ path: "data", actual: "" })
  expect(ok(await trying(null)).failedClause).toMatchObject({ path: "data.items.sku", actual: "" })
  expect((await trying({}, stranger)).status).toBe(404)
  expect(fieldsOf(await ask(`POST ${path(":testFilter")}`, { body: { filter: { data: {} }, event: {} } }))).toEqual(["filter.data"])
})

test("the story of an event names the clause that kept it from a subscription", async () => {
  const { id } = await subscribe({ eventTypes: ["story.told"], filter: { data: { chapters: { $gt: 3 } } } })
  const event = ok(await ask("POST /v1/events", { body: { applicationId: application, type: "story.told", data: { chapters: 3 } } })).id
  const ingested = ok(await ask(`POST /v1/ingest/${id}`, { body: { chapters: 2 } })).eventId
  await project(installation.log, installation.store)
  const reason = async (eventId: string) =>
    ok(await ask(`GET /v1/events/${eventId}`)).unmatched.find(({ subscriptionId }: { subscriptionId: string }) => subscriptionId === id)
  const clause = { path: "data.chapters", operator: "$gt", expected: "3" }
  expect(await reason(event)).toMatchObject({ reason: "filter", failedClause: { ...clause, actual: "3" } })
  expect(await reason(ingested)).toMatchObject({ reason: "filter", failedClause: { ...clause, actual: "2" } })
})

test("a rotated secret is answered once, signs beside the old one for the overlap, and goes by the etag", async () => {
  const { id, secret: first } = await subscribe({ secret: "generate" })
  const rotate = (body: object, headers = {}) => ask(`POST /v1/subscriptions/${id}:rotateSecret`, { body, headers })
  const nowSeconds = Math.floor(Date.now() / 1000)
  const second = ok(await rotate({})).secret
  expect(second).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const [newest, older, ...none] = await secretsOf(id)
  expect([newest, older?.text, none]).toEqual([{ text: second, seconds: undefined }, first, []])
  expect(older!.seconds! - nowSeconds).toBeGreaterThanOrEqual(24 * 3600 - 1)
  expect((await read(id)).secret).toBeUndefined()
  expect((await rotate({}, { "if-match": '"1"' })).status).toBe(409)
  expect(ok(await rotate({ secret: "chosen", overlapSeconds: 0 }, { "if-match": '"2"' })).secret).toBeUndefined()
  expect(await secretsOf(id)).toEqual([{ text: "chosen", seconds: undefined }])
  for (let more = 0; more < 4; more++) ok(await rotate({ overlapSeconds: 60 }))
  expect((await rotate({ overlapSeconds: 60 })).body.code).toBe("failed_precondition")
  expect(fieldsOf(await rotate({ secret: "whsec_?", overlapSeconds: 0 }))).toEqual(["secret"])
  expect(fieldsOf(await rotate({ overlapSeconds: 7 * 24 * 3600 + 1 }))).toEqual(["overlap_seconds"])
  expect((await ask(`POST /v1/subscriptions/${id}:rotateSecret`, { key: stranger, body: {} })).status).toBe(404)
})

test("a test goes to its subscription alone, with an example unless it brings something of its own", async () => {
  const { id } = await subscribe({ eventTypes: [] })
  const trying = (body: object = {}) => ask(`POST /v1/subscriptions/${id}:test`, { body })
  const { eventId, deliveryId } = ok(await trying())
  expect(deliveryId).toBe(deliveryIdOf(eventId, id))
  expect(await eventOf(eventId)).toMatchObject({ type: "webhook.test", onlySubscriptionId: id, applicationId: application })
  const own = await eventOf(ok(await trying({ type: "order.paid", data: [1, { a: null }] })).eventId)
  expect([own.type, Buffer.from(own.payload).toString()]).toEqual(["order.paid", '[1,{"a":null}]'])
  expect(fieldsOf(await trying({ type: "not a type" }))).toEqual(["type"])
  expect((await ask(`POST /v1/subscriptions/${id}:test`, { key: stranger, body: {} })).status).toBe(404)
  ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: { filter: { data: { a: 1 } } } }))
  expect(ok(await trying({ data: { a: 1 } })).eventId).toBeDefined()
  expect((await trying()).body).toMatchObject({ code: "failed_precondition", message: expect.stringContaining("data.a") })
  ok(await ask(`POST /v1/subscriptions/${id}:disable`, { body: { reason: "holiday" } }))
  expect((await trying({ data: { a: 1 } })).body).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("holiday"),
  })
})

test("a batch makes what is right and refuses the rest, each by itself, and repeats nothing under the same key", async () => {
  const subscriptions = [
    { url: "https://example.com/1", secret: "generate" },
    { url: "", timeoutMs: 1 },
    { url: "http://10.0.0.1/", headers: { Host: "x" } },
    { url: "https://example.com/2", source: { scheme: "stripe", secret: "whsec_5fc2a" } },
  ]
  const creating = (body: object, headers = {}) => ask(`POST ${path(":batch")}`, { body, headers })
  const before = (await ask(`GET ${path("?pageSize=200")}`)).body.subscriptions.length
  const headers = { "idempotency-key": "import 1" }
  const { results } = ok(await creating({ subscriptions }, headers))
  expect(results.map((each: object) => Object.keys(each)[0])).toEqual(["created", "refused", "refused", "created"])
  expect(results[0].created.secret).toMatch(/^whsec_/)
  const refused = results
    .slice(1, 3)
    .map((each: { refused: { details: { field: string }[] } }) => each.refused.details.map(({ field }) => field))
  expect(refused).toEqual([
    ["subscription.url", "subscription.timeout_ms"],
    ["subscription.headers.Host", "subscription.url"],
  ])
  const again = ok(await creating({ subscriptions }, headers)).results
  expect([again[0].created.id, again[3].created.id]).toEqual([results[0].created.id, results[3].created.id])
  expect(again[0].created.secret).toBeUndefined()
  expect((await ask(`GET ${path("?pageSize=200")}`)).body.subscriptions).toHaveLength(before + 2)
  expect(fieldsOf(await creating({ subscriptions: [] }))).toEqual(["subscriptions"])
  const many = Array.from({ length: 1000 }, (_, at) => ({
    url: `https://bulk.example.com/${at}`,
    enabled: at % 2 === 0,
    eventTypes: ["bulk.*"],
  }))
  expect(ok(await creating({ subscriptions: many })).results.every((each: object) => "created" in each)).toBe(true)
  expect(fieldsOf(await creating({ subscriptions: [...many, many[0]] }))).toEqual(["subscriptions"])
})

test("a list is narrowed by event type, state and the beginning of the URL, page by page, without losing any", async () => {
  const listed = async (query: string): Promise<string[]> => {
    const urls: string[] = []
    for (let token = ""; ;) {
      const page = ok(await ask(`GET ${path(`?pageSize=150&pageToken=${token}&${query}`)}`))
      urls.push(...page.subscriptions.map(({ url }: { url: string }) => url))
      token = page.nextPageToken
      if (token === "") return urls
    }
  }
  await subscribe({ url: "https://other.example.com/", eventTypes: ["bulk.a"] })
  expect(await listed("url=https://bulk.")).toHaveLength(1000)
  expect(await listed("url=https://bulk.example.com/99&enabled=false")).toHaveLength(6)
  expect(await listed("eventType=bulk.a&enabled=true&url=https://other")).toEqual(["https://other.example.com/"])
  expect((await listed("eventType=bulk.b")).filter((url) => !url.startsWith("https://bulk."))).not.toContain("https://other.example.com/")
  expect(await listed("url=https://nowhere")).toEqual([])
})

test("pausing, resuming, disabling and enabling answer the subscription as it is then, to its own application alone", async () => {
  const { id } = await subscribe()
  const steps = [
    ["pause", { paused: true, enabled: true }],
    ["disable", { paused: true, enabled: false, disabledReason: "disabled by request" }],
    ["disable", { paused: true, enabled: false }],
    ["resume", { paused: false, enabled: false }],
    ["enable", { paused: false, enabled: true, disabledReason: "", etag: "5" }],
  ] as const
  for (const [verb, expected] of steps) {
    expect((await ask(`POST /v1/subscriptions/${id}:${verb}`, { body: {}, headers: { "if-match": '"77"' } })).status).toBe(409)
    expect(ok(await ask(`POST /v1/subscriptions/${id}:${verb}`, { body: {} }))).toMatchObject(expected)
    expect((await ask(`POST /v1/subscriptions/${id}:${verb}`, { key: stranger, body: {} })).status).toBe(404)
  }
})

const SECRET = "whsec_5fc2a"
const hmac = (content: string, encoding: "hex" | "base64" = "hex", hash = "sha256") =>
  createHmac(hash, SECRET).update(content).digest(encoding)
const seconds = () => Math.floor(Date.now() / 1000)
const stripe = (body: string, at = seconds()) => ({ "stripe-signature": `t=${at},v1=${hmac(`${at}.${body}`)}` })
const slack = (body: string, at = seconds()) => ({
  "x-slack-request-timestamp": `${at}`,
  "x-slack-signature": `v0=${hmac(`v0:${at}:${body}`)}`,
})

async function sourced(source: object) {
  const { id } = await subscribe({ eventTypes: [], source: { secret: SECRET, ...source } })
  return { id, post: (headers: Record<string, string>, body: string) => ask(`POST /v1/ingest/${id}`, { key: null, body, headers }) }
}

test("Stripe's events come in by their signature, with the type and id of their bodies", async () => {
  const { post } = await sourced({ scheme: "stripe" })
  const body = '{"id":"evt_1","type":"invoice.paid"}'
  const { eventId } = ok(await post(stripe(body), body))
  expect(await eventOf(eventId)).toMatchObject({ type: "invoice.paid", idempotencyKey: "evt_1" })
  expect(ok(await post(stripe(body, seconds() - 100), body)).eventId).toBe(eventId)
  const odd = '{"id":7,"type":"not a type"}'
  expect(await eventOf(ok(await post(stripe(odd), odd)).eventId)).toMatchObject({ type: "webhook.received", idempotencyKey: "" })
  const refused = [{}, stripe(body, seconds() - 400), stripe(odd), { "stripe-signature": "garbage" }]
  const answers = await Promise.all(refused.map((headers: object) => post({ ...headers }, body)))
  expect(new Set(answers.map(({ status, body: { code, message } }) => `${status} ${code} ${message}`))).toEqual(
    new Set(["401 unauthenticated The signature in stripe-signature is missing, wrong or too old."]),
  )
})

test("Shopify's webhooks come in by their signature, with their topic in dots and their own id", async () => {
  const { post } = await sourced({ scheme: "shopify" })
  const body = '{"id":1}'
  const headers = { "x-shopify-topic": "orders/create", "x-shopify-webhook-id": "b54557e4", "x-shopify-hmac-sha256": hmac(body, "base64") }
  expect(await eventOf(ok(await post(headers, body)).eventId)).toMatchObject({ type: "orders.create", idempotencyKey: "b54557e4" })
  expect((await post(headers, `${body} `)).status).toBe(401)
})

test("Slack's challenge is answered when it is signed, and gives no event; its events have the type inside", async () => {
  const { post } = await sourced({ scheme: "slack" })
  const challenge = '{"type":"url_verification","challenge":"3eZbrw1a"}'
  const answer = await post(slack(challenge), challenge)
  expect([answer.status, answer.body]).toEqual([200, { challenge: "3eZbrw1a" }])
  expect((await post({}, challenge)).status).toBe(401)
  const body = '{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}'
  expect(await eventOf(ok(await post(slack(body), body)).eventId)).toMatchObject({ type: "app_mention", idempotencyKey: "Ev1" })
})

test("a HMAC of the sender's own making comes in by the header, hash, encoding and prefix that the source names", async () => {
  const { id, post } = await sourced({ scheme: "hmac", signatureHeader: "X-Acme", algorithm: "sha512", encoding: "base64", prefix: "v1=" })
  expect((await read(id)).source).toMatchObject({ scheme: "hmac", algorithm: "sha512", encoding: "base64", secret: "" })
  expect((await post({ "x-acme": `v1=${hmac("{}", "base64", "sha512")}` }, "{}")).status).toBe(202)
  expect((await post({ "x-acme": hmac("{}", "base64", "sha512") }, "{}")).status).toBe(401)
})
