import { createHmac } from "node:crypto"
import { create, fromBinary } from "@bufbuild/protobuf"
import { deliveryIdOf, foldStatus, secretPlace, type Topic } from "@posthorn/core"
import { followConfig } from "@posthorn/log"
import { AttemptRecordSchema, EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { NO_ANALYTICS, startInstallation, type Answer, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  ask = gateway.ask
})
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}
const newApplication = async (name = "shop"): Promise<string> => ok(await ask("POST /v1/applications", { body: { name } })).id
const newKey = async (application: string, role: string): Promise<{ token: string; id: string }> => {
  const { key, token } = ok(await ask(`POST /v1/applications/${application}/keys`, { body: { role, name: role } }))
  return { token, id: key.id }
}
const newSubscription = async (application: string, body: object = {}) =>
  ok(
    await ask(`POST /v1/applications/${application}/subscriptions`, {
      body: { url: "https://example.com/hook", eventTypes: ["*"], ...body },
    }),
  )

async function eventsInLog(topic: Topic = "events"): Promise<EventAccepted[]> {
  const events: EventAccepted[] = []
  const ends = await installation.log.ends(topic)
  const ranges = ends.map(({ partition, low, high }) => ({ topic, partition, from: low, to: high }))
  await installation.log.read(ranges, (records) => events.push(...records.map(({ value }) => fromBinary(EventAcceptedSchema, value))))
  return events
}
const eventInLog = async (id: string) => (await eventsInLog()).filter((event) => event.eventId === id)

test("an application can be created, read, changed, listed and deleted, and takes its keys and subscriptions with it", async () => {
  const id = await newApplication("first name")
  expect(ok(await ask(`GET /v1/applications/${id}`))).toMatchObject({ id, name: "first name", payloadValidation: "off", etag: "1" })
  expect(ok(await ask(`PATCH /v1/applications/${id}`, { body: { metadata: { team: "a" } } }))).toMatchObject({
    name: "first name",
    metadata: { team: "a" },
    etag: "2",
  })
  expect(ok(await ask("GET /v1/applications?pageSize=200")).applications.map((each: { id: string }) => each.id)).toContain(id)
  const { token } = await newKey(id, "admin")
  const subscription = await newSubscription(id)
  ok(await ask(`DELETE /v1/applications/${id}`))
  expect((await ask(`GET /v1/applications/${id}`)).status).toBe(404)
  expect((await ask(`GET /v1/subscriptions/${subscription.id}`)).status).toBe(404)
  expect((await ask(`GET /v1/applications/${id}`, { key: token })).status).toBe(401)
})

test("a change by an etag that is not today's is refused, and so is one that lost a race against another gateway", async () => {
  const id = await newApplication()
  expect((await ask(`PATCH /v1/applications/${id}`, { body: { name: "x" }, headers: { "if-match": '"7"' } })).status).toBe(409)
  const other = await installation.gateway()
  try {
    await expect.poll(async () => (await other.ask(`GET /v1/applications/${id}`)).status, { timeout: 15_000 }).toBe(200)
    const statuses: number[] = []
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        [ask, other.ask].map((each) => each(`PATCH /v1/applications/${id}`, { body: { name: `n${round}` } })),
      )
      statuses.push(...answers.map((answer) => answer.status))
      expect(answers.map((answer) => answer.status)).toContain(200)
    }
    // How many lose depends on the machine; that nobody is answered anything else does not.
    for (const status of statuses) expect([200, 409]).toContain(status)
  } finally {
    await other.stop()
  }
})

test("pages of a list hold everything once, newest first", async () => {
  const id = await newApplication()
  const created: string[] = []
  for (let index = 0; index < 7; index++) created.push((await newSubscription(id, { description: `${index}` })).id)
  const seen: string[] = []
  for (let token = "", pages = 0; pages === 0 || token !== ""; pages++) {
    const { subscriptions, nextPageToken = "" } = ok(await ask(`GET /v1/applications/${id}/subscriptions?pageSize=3&pageToken=${token}`))
    seen.push(...subscriptions.map((each: { id: string }) => each.id))
    token = nextPageToken
  }
  expect(seen).toEqual(created.toReversed())
  expect((await ask(`GET /v1/applications/${id}/subscriptions?pageToken=nonsense`)).status).toBe(400)
})

test("a key may what its role says and nothing more", async () => {
  const id = await newApplication()
  const [admin, viewer, sender] = await Promise.all(["admin", "viewer", "sender"].map((role) => newKey(id, role)))
  const status = async (route: string, { token }: { token: string } = admin!, body?: object) =>
    (await ask(route, { key: token, ...(body ? { body } : {}) })).status
  const publish = ["POST /v1/events", { type: "a.b", data: 1 }] as const
  expect([
    await status(publish[0], admin, publish[1]),
    await status(publish[0], viewer, publish[1]),
    await status(publish[0], sender, publish[1]),
  ]).toEqual([202, 403, 202])
  const list = `GET /v1/applications/${id}/subscriptions`
  expect([await status(list, admin), await status(list, viewer), await status(list, sender)]).toEqual([200, 200, 403])
  const change = [`PATCH /v1/applications/${id}`, { name: "y" }] as const
  expect([
    await status(change[0], admin, change[1]),
    await status(change[0], viewer, change[1]),
    await status(change[0], sender, change[1]),
  ]).toEqual([200, 403, 403])
  expect(await status("POST /v1/applications", admin, { name: "z" })).toBe(403)
  expect((await ask("GET /v1/applications", { key: null })).status).toBe(401)
})

test("what belongs to another application is answered just as what does not exist", async () => {
  const [mine, theirs] = [await newApplication(), await newApplication()]
  const { token } = await newKey(mine, "admin")
  const foreignKey = await newKey(theirs, "admin")
  const foreign = await newSubscription(theirs)
  const pairs = [
    ["GET /v1/applications/ID", theirs, "app_00000000000000000000000000"],
    ["GET /v1/applications/ID/keys", theirs, "app_00000000000000000000000000"],
    ["GET /v1/subscriptions/ID", foreign.id, "sub_00000000000000000000000000"],
    ["GET /v1/subscriptions/ID/deliveries", foreign.id, "sub_00000000000000000000000000"],
    ["DELETE /v1/subscriptions/ID", foreign.id, "sub_00000000000000000000000000"],
    ["POST /v1/subscriptions/ID:disable", foreign.id, "sub_00000000000000000000000000"],
    ["POST /v1/ingest/ID", foreign.id, "sub_00000000000000000000000000"],
    [`DELETE /v1/applications/${mine}/keys/ID`, foreignKey.id, "key_00000000000000000000000000"],
  ] as const
  for (const [route, id, unknown] of pairs) {
    const answers = await Promise.all(
      [id, unknown].map((each) => ask(route.replace("ID", each), { key: token, ...(route.startsWith("POST") ? { body: {} } : {}) })),
    )
    const shown = answers.map(({ status, body }) => ({ status, code: body.code, message: body.message }))
    expect(shown[0], route).toEqual(shown[1])
    expect(shown[0], route).toMatchObject({ status: 404, code: "not_found" })
  }
  expect((await ask("POST /v1/events", { key: token, body: { applicationId: theirs, type: "a", data: 1 } })).status).toBe(404)
  expect(ok(await ask("GET /v1/applications", { key: token })).applications.map((each: { id: string }) => each.id)).toEqual([mine])
})

test("a token is answered once; a revoked key is refused at once, by every gateway soon", async () => {
  const id = await newApplication()
  const { token, id: keyId } = await newKey(id, "viewer")
  const other = await installation.gateway()
  try {
    const status = async (of: GatewayUnderTest) => (await of.ask(`GET /v1/applications/${id}`, { key: token })).status
    expect([await status(gateway), await status(other)]).toEqual([200, 200])
    const { keys } = ok(await ask(`GET /v1/applications/${id}/keys`))
    expect(keys).toMatchObject([{ id: keyId, role: "viewer", lastFour: token.slice(-4) }])
    expect(JSON.stringify(keys)).not.toContain(token.slice(20, 50))
    ok(await ask(`DELETE /v1/applications/${id}/keys/${keyId}`))
    ok(await ask(`DELETE /v1/applications/${id}/keys/${keyId}`))
    expect(await status(gateway)).toBe(401)
    await expect.poll(() => status(other), { timeout: 5000 }).toBe(401)
  } finally {
    await other.stop()
  }
})

test("a generated secret is answered once, encrypted in the log, and in no later answer", async () => {
  const application = await newApplication()
  const created = await newSubscription(application, { secret: "generate" })
  expect(created.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const later = [
    ok(await ask(`GET /v1/subscriptions/${created.id}`)),
    ok(await ask(`PATCH /v1/subscriptions/${created.id}`, { body: { description: "d" } })),
  ]
  expect(JSON.stringify(later)).not.toContain("whsec_")
  const follower = await followConfig(installation.log)
  const entity = follower.table.subscription(created.id)!
  expect(entity.secrets).toHaveLength(1)
  expect(installation.box.open(entity.secrets[0]!.encrypted, secretPlace(entity.subscription, "secret"))).toBe(created.secret)
  ok(await ask(`PATCH /v1/subscriptions/${created.id}`, { body: { secret: "" } }))
  await follower.reached((await installation.log.ends("config"))[0]!.high)
  expect(follower.table.subscription(created.id)!.secrets).toEqual([])
  await follower.close()
})

test("a subscription to an address that deliveries may not reach is refused, with every other fault", async () => {
  const application = await newApplication()
  const answer = await ask(`POST /v1/applications/${application}/subscriptions`, {
    body: { url: "http://10.0.0.1/", headers: { Host: "x" } },
  })
  expect(answer.status).toBe(400)
  expect(answer.body.details.map((each: { field: string }) => each.field).toSorted()).toEqual([
    "subscription.headers.Host",
    "subscription.url",
  ])
})

test("an acknowledged event is in the log with the very bytes that were sent", async () => {
  const application = await newApplication()
  const { token } = await newKey(application, "sender")
  const body = '{"type":"order.created","data":{ "b":1.0,"a":"\\u00e9" ,"b2":[ ]},"metadata":{"k":"v"}}'
  const { id } = ok(await ask("POST /v1/events", { key: token, body, headers: { "content-type": "application/json" } }))
  const [event] = await eventInLog(id)
  expect(event).toMatchObject({
    applicationId: application,
    type: "order.created",
    contentType: "application/json",
    metadata: { k: "v" },
    onlySubscriptionId: "",
  })
  expect(Buffer.from(event!.payload).toString()).toBe('{ "b":1.0,"a":"\\u00e9" ,"b2":[ ]}')
  expect(event!.configPosition).toBe(BigInt((await installation.log.ends("config"))[0]!.high))
})

test("a batch accepts what is right and refuses the rest, each by itself", async () => {
  const application = await newApplication()
  const events = [
    { type: "a.b", data: 1 },
    { type: "not a type", data: 1 },
    { type: "a.b", data: 2 },
  ].map((event) => ({ ...event, applicationId: application }))
  const { results } = ok(await ask("POST /v1/events:batch", { body: { events } }))
  expect(results.map((each: object) => Object.keys(each)[0])).toEqual(["accepted", "refused", "accepted"])
  expect(await eventInLog(results[2].accepted.id)).toHaveLength(1)
})

const HOOK = '{"zen":"Keep it logically awesome."}'
const hub = (secret: string, body = HOOK) => ({
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
})

test("ingest by signature takes the right one alone, and relays the body as it came", async () => {
  const application = await newApplication()
  const { id } = await newSubscription(application, { eventTypes: [], source: { scheme: "hub", secret: "s3cret" } })
  const post = (headers: Record<string, string>, body: string | Uint8Array = HOOK) =>
    ask(`POST /v1/ingest/${id}`, { key: null, body, headers })
  expect((await post({})).status).toBe(401)
  expect((await post(hub("wrong"))).status).toBe(401)
  expect((await post(hub("s3cret"), `${HOOK} `)).status).toBe(401)
  const headers = {
    ...hub("s3cret"),
    "x-github-event": "push",
    "x-github-delivery": "72d3162e-cc78-11e3",
    "content-type": "application/x-hook",
  }
  const { eventId, deliveryId } = ok(await post(headers))
  expect(deliveryId).toBe(deliveryIdOf(eventId, id))
  const [event] = await eventInLog(eventId)
  expect(event).toMatchObject({
    type: "push",
    contentType: "application/x-hook",
    onlySubscriptionId: id,
    idempotencyKey: "72d3162e-cc78-11e3",
  })
  expect(Buffer.from(event!.payload).toString()).toBe(HOOK)
  // The sender repeats itself by its own id.
  expect(ok(await post(headers)).eventId).toBe(eventId)
  expect(await eventInLog(eventId)).toHaveLength(1)
})

test("ingest without a source asks for a key that may publish to that application", async () => {
  const application = await newApplication()
  const { id } = await newSubscription(application)
  const [sender, viewer] = [await newKey(application, "sender"), await newKey(application, "viewer")]
  const status = async (key: string | null) =>
    (await ask(`POST /v1/ingest/${id}`, { key, body: "x", headers: { "content-type": "text/plain" } })).status
  expect([await status(null), await status(viewer.token), await status(sender.token)]).toEqual([401, 403, 202])
})

test("ingest answers 409 for a disabled subscription and 413 for a body over the limit", async () => {
  const application = await newApplication()
  const { id } = await newSubscription(application, { source: { scheme: "none" } })
  const status = async (body: string | Uint8Array) => (await ask(`POST /v1/ingest/${id}`, { key: null, body })).status
  expect([await status("x"), await status(new Uint8Array(256 * 1024)), await status(new Uint8Array(256 * 1024 + 1))]).toEqual([
    202, 202, 413,
  ])
  ok(await ask(`POST /v1/subscriptions/${id}:disable`, { body: { reason: "holiday" } }))
  expect(ok(await ask(`GET /v1/subscriptions/${id}`))).toMatchObject({ enabled: false, disabledReason: "holiday" })
  expect(await status("x")).toBe(409)
  ok(await ask(`POST /v1/subscriptions/${id}:enable`, { body: {} }))
  expect(await status("x")).toBe(202)
})

test("an event is read with its deliveries, why others were not sent it, and its payload as it came, by its own application alone", async () => {
  const [mine, theirs] = [await newApplication(), await newApplication()]
  const [viewer, stranger] = [await newKey(mine, "viewer"), await newKey(theirs, "viewer")]
  const sent = await newSubscription(mine)
  const off = await newSubscription(mine, { enabled: false })
  const { id } = ok(
    await ask("POST /v1/events", {
      body: `{"applicationId":"${mine}","type":"a.b","data":[1.50]}`,
      headers: { "content-type": "application/json" },
    }),
  )
  const [event] = await eventInLog(id)
  const facts = {
    deliveryId: deliveryIdOf(id, sent.id),
    applicationId: mine,
    eventId: id,
    subscriptionId: sent.id,
    eventType: "a.b",
    createdAt: event?.acceptedAt,
  }
  const created = create(AttemptRecordSchema, { record: { case: "created", value: { delivery: facts, firstDueAt: event?.acceptedAt } } })
  const rows = foldStatus(
    [
      { topic: "events", partition: 0, offset: 0, message: event! },
      { topic: "attempts", partition: 0, offset: 0, message: created },
    ],
    [],
  )
  const partitions = ["events", "attempts"].map((topic) => ({ topic, partition: 0, low: 0 }))
  await installation.store.positions(partitions)
  const ranges = partitions.map(({ topic, partition }) => ({ topic, partition, first: 0, next: 1 }))
  expect(await installation.store.project({ ranges, rows })).toBe("done")

  const shown = ok(await ask(`GET /v1/events/${id}`, { key: viewer.token }))
  expect(shown).toMatchObject({
    id,
    type: "a.b",
    sizeBytes: 6,
    deliveries: [{ id: facts.deliveryId, state: "scheduled" }],
    unmatched: [{ subscriptionId: off.id, reason: "disabled" }],
  })
  const payload = await fetch(`${gateway.httpUrl}/v1/events/${id}/payload`, { headers: { authorization: `Bearer ${viewer.token}` } })
  expect([payload.headers.get("content-type"), await payload.text()]).toEqual(["application/json", "[1.50]"])
  expect(ok(await ask(`GET /v1/deliveries/${facts.deliveryId}`, { key: viewer.token }))).toMatchObject({
    eventId: id,
    subscriptionId: sent.id,
  })
  expect(ok(await ask(`GET /v1/subscriptions/${sent.id}/deliveries`, { key: viewer.token })).deliveries).toHaveLength(1)
  expect(ok(await ask("GET /v1/events", { key: viewer.token })).events).toHaveLength(1)

  for (const path of [`events/${id}`, `events/${id}/payload`, `deliveries/${facts.deliveryId}`])
    expect((await ask(`GET /v1/${path}`, { key: stranger.token })).status).toBe(404)
  expect(ok(await ask("GET /v1/events", { key: stranger.token })).events).toEqual([])
  expect((await ask(`GET /v1/events?applicationId=${mine}`, { key: stranger.token })).status).toBe(404)
})

test("health names every component, and is down only without the log", async () => {
  const sick = await installation.gateway({ analytics: { ...NO_ANALYTICS, ping: () => Promise.reject(new Error("away")) } })
  try {
    const { status, body } = await sick.ask("GET /health", { key: null })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      status: "degraded",
      components: { log: { status: "ok" }, postgres: { status: "ok" }, clickhouse: { status: "down" }, delivery: {}, projector: {} },
    })
  } finally {
    await sick.stop()
  }
})

test("while the store is away events are accepted, keys and reads are refused, and health says so", async () => {
  const application = await newApplication()
  const { id } = await newSubscription(application, { source: { scheme: "none" } })
  const publish = (more: object = {}) => ask("POST /v1/events", { body: { applicationId: application, type: "a.b", data: 1, ...more } })
  await installation.server.stop()
  try {
    const [plain, keyed, read, relayed] = [
      await publish(),
      await publish({ idempotencyKey: "k" }),
      await ask("GET /v1/events"),
      await ask(`POST /v1/ingest/${id}`, { key: null, body: "x", headers: { "webhook-id": "msg_1" } }),
    ]
    expect([plain.status, keyed.status, read.status, relayed.status]).toEqual([202, 503, 503, 202])
    expect(keyed.headers.get("retry-after")).toBe("1")
    expect(await eventInLog(plain.body.id)).toHaveLength(1)
    expect((await ask("GET /health", { key: null })).body).toMatchObject({
      status: "degraded",
      components: { postgres: { status: "down" } },
    })
  } finally {
    await installation.server.start()
  }
  await expect.poll(async () => (await publish({ idempotencyKey: "k" })).status, { timeout: 15_000 }).toBe(202)
})

test("no log line holds a key, a secret or a payload", async () => {
  const application = await newApplication()
  const { token } = await newKey(application, "admin")
  const { id } = await newSubscription(application, { secret: "canary-secret", source: { scheme: "hub", secret: "canary-source" } })
  await ask("POST /v1/events", { key: token, body: { type: "a.b", data: "canary-payload" } })
  await ask(`POST /v1/ingest/${id}`, { key: token, body: "canary-payload" })
  await ask("POST /v1/events", { key: token, body: "{canary-payload", headers: { "content-type": "application/json" } })
  expect(installation.lines.length).toBeGreaterThan(5)
  expect(installation.lines.join("")).not.toMatch(new RegExp(`canary|${token}`))
})
