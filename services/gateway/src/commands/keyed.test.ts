import { createClient } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node"
import { SubscriptionService } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { OPERATOR_KEY, startInstallation, type Answer, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"

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
let keys = 0
const newKey = () => `key ${++keys}`
const by = (key: string, more: object = {}) => ({ headers: { "idempotency-key": key, ...more } })
const newApplication = async (): Promise<string> => ok(await ask("POST /v1/applications", { body: { name: "shop" } })).id
const newSubscription = async (application: string, body: object = {}) =>
  ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body: { url: "https://example.com/hook", ...body } }))
const configRecords = async () => (await installation.log.ends("config"))[0]!.high

test("a repeated creation is one, and is answered alike", async () => {
  const request = { body: { name: "once" }, ...by(newKey()) }
  const first = await ask("POST /v1/applications", request)
  const before = await configRecords()
  expect(await ask("POST /v1/applications", request)).toMatchObject({ status: first.status, body: first.body })
  expect(await configRecords()).toBe(before)
})

test("what is shown once is not shown again: the token of a key, a secret that was made", async () => {
  const application = await newApplication()
  const asked = { body: { role: "viewer" }, ...by(newKey()) }
  const first = ok(await ask(`POST /v1/applications/${application}/keys`, asked))
  const again = ok(await ask(`POST /v1/applications/${application}/keys`, asked))
  expect([again.key, again.token]).toEqual([first.key, ""])
  expect((await ask(`GET /v1/applications/${application}`, { key: first.token })).status).toBe(200)
  const making = { body: { url: "https://example.com/", secret: "generate" }, ...by(newKey()) }
  const made = ok(await ask(`POST /v1/applications/${application}/subscriptions`, making))
  expect(made.secret).toMatch(/^whsec_/)
  const shown = ok(await ask(`POST /v1/applications/${application}/subscriptions`, making))
  expect(shown.secret).toBeUndefined()
  expect(shown).toMatchObject({ id: made.id, etag: made.etag })
  const changing = { body: { secret: "generate" }, ...by(newKey()) }
  ok(await ask(`PATCH /v1/subscriptions/${made.id}`, changing))
  expect(ok(await ask(`PATCH /v1/subscriptions/${made.id}`, changing)).secret).toBeUndefined()
})

test("the same key with another body is refused, and changes nothing", async () => {
  const key = newKey()
  const { id } = ok(await ask("POST /v1/applications", { body: { name: "one" }, ...by(key) }))
  const before = await configRecords()
  const other = await ask("POST /v1/applications", { body: { name: "two" }, ...by(key) })
  expect([other.status, other.body.code, other.body.details[0].field]).toEqual([409, "already_exists", "idempotency-key"])
  expect(await configRecords()).toBe(before)
  expect(ok(await ask(`GET /v1/applications/${id}`)).name).toBe("one")
})

test("a request is the same at every door, however it is spelled", async () => {
  const application = await newApplication()
  const key = newKey()
  const subscription = { url: "https://example.com/", metadata: { a: "1", b: "2" } }
  const headers = { authorization: `Bearer ${OPERATOR_KEY}`, "idempotency-key": key }
  const made = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body: subscription, ...by(key) }))
  for (const transport of [
    createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }),
    createConnectTransport({ baseUrl: gateway.httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ]) {
    const client = createClient(SubscriptionService, transport)
    const turned = { ...subscription, metadata: { b: "2", a: "1" } }
    const again = await client.createSubscription({ applicationId: application, subscription: turned }, { headers })
    expect(again.subscription?.id).toBe(made.id)
  }
})

test("a key belongs to its caller and its method", async () => {
  const key = newKey()
  const [one, two] = [await newApplication(), await newApplication()]
  const tokens = await Promise.all(
    [one, two].map(async (id) => ok(await ask(`POST /v1/applications/${id}/keys`, { body: { role: "admin" } })).token as string),
  )
  const made = await Promise.all(
    [one, two].map((id, at) =>
      ask(`POST /v1/applications/${id}/subscriptions`, { key: tokens[at]!, body: { url: "https://example.com/" }, ...by(key) }),
    ),
  )
  expect(new Set(made.map((answer) => ok(answer).id)).size).toBe(2)
  ok(await ask(`POST /v1/applications/${one}/keys`, { key: tokens[0]!, body: { role: "viewer" }, ...by(key) }))
})

test("a change is made once, also when it asked for a version that is not today's any more, or for what has been undone since", async () => {
  const { id, etag } = await newSubscription(await newApplication())
  const change = { body: { description: "a" }, ...by(newKey(), { "if-match": etag }) }
  ok(await ask(`PATCH /v1/subscriptions/${id}`, change))
  ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: { description: "b" } }))
  expect(ok(await ask(`PATCH /v1/subscriptions/${id}`, change))).toMatchObject({ description: "b", etag: "3" })
  const disabling = by(newKey())
  ok(await ask(`POST /v1/subscriptions/${id}:disable`, disabling))
  ok(await ask(`POST /v1/subscriptions/${id}:enable`))
  expect(ok(await ask(`POST /v1/subscriptions/${id}:disable`, disabling)).enabled).toBe(true)
})

test("a deletion is repeated as it was answered", async () => {
  const { id } = await newSubscription(await newApplication())
  const deleting = by(newKey())
  expect((await ask(`DELETE /v1/subscriptions/${id}`, deleting)).status).toBe(200)
  expect((await ask(`DELETE /v1/subscriptions/${id}`, deleting)).status).toBe(200)
  expect((await ask(`DELETE /v1/subscriptions/${id}`, by(newKey()))).status).toBe(404)
})

test("a refused request is not remembered", async () => {
  const asked = (url: string) => ({ body: { url }, ...by("same key") })
  const application = await newApplication()
  expect((await ask(`POST /v1/applications/${application}/subscriptions`, asked("https://10.0.0.1/"))).status).toBe(400)
  expect((await ask(`POST /v1/applications/${application}/subscriptions`, asked("https://example.com/"))).status).toBe(201)
})

test("many at once, at two gateways, do it once; whoever starts later knows of it", async () => {
  const other = await installation.gateway()
  try {
    const asked = { body: { name: "raced" }, ...by(newKey()) }
    const answers = await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 ? ask : other.ask)("POST /v1/applications", asked)))
    const ids = new Set(answers.map((answer) => ok(answer).id))
    expect(ids.size).toBe(1)
    const { id } = answers[0]!.body
    const renaming = Array.from({ length: 8 }, (_, at) => ({ body: { name: `name ${at % 2}` }, ...by("a race of two bodies") }))
    const statuses = await Promise.all(
      renaming.map(async (each, at) => (await (at % 4 < 2 ? ask : other.ask)(`PATCH /v1/applications/${id}`, each)).status),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(4)
    expect(statuses.filter((status) => status === 409)).toHaveLength(4)
    expect(ok(await ask(`GET /v1/applications/${id}`)).etag).toBe("2")
    const later = await installation.gateway()
    expect(ok(await later.ask("POST /v1/applications", asked)).id).toBe(id)
    await later.stop()
  } finally {
    await other.stop()
  }
})

test.each(["x".repeat(201), "\u00fc"])("a key that cannot be one is refused: %s", async (key) => {
  const answer = await ask("POST /v1/applications", { body: { name: "no" }, headers: { "idempotency-key": key } })
  expect(answer).toMatchObject({ status: 400, body: { details: [{ field: "idempotency-key" }] } })
})
