import { createClient } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { Code, ConnectError } from "@connectrpc/connect"
import { ControlRecordSchema, DeliveryState, IngestService, RetryInfoSchema } from "@posthorn/proto"
import { systemClock } from "@posthorn/runtime"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { deliveriesOf, ok } from "./deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"
import { project } from "./projecting-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
let deliveries: ReturnType<typeof deliveriesOf>
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  ask = gateway.ask
  deliveries = deliveriesOf(installation, gateway)
})
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

const EVENT = { type: "order.made", data: {} }
const SLOW = { count: 2, periodSeconds: 3600 }

async function limited({ ofApplication, ofKey }: { ofApplication?: object; ofKey?: object }) {
  const application: string = ok(
    await ask("POST /v1/applications", { body: { name: "shop", ...(ofApplication && { ingestRateLimit: ofApplication }) } }),
  ).id
  const body = { role: "sender", name: "s", ...(ofKey && { rateLimit: ofKey }) }
  const key: string = ok(await ask(`POST /v1/applications/${application}/keys`, { body })).token
  const publish = (event: object = EVENT) => ask("POST /v1/events", { body: event, key })
  return { application, key, publish }
}

describe("ingest limits", () => {
  test("a key and its application are counted, every answer says what is left, and what is too much is told when to come again", async () => {
    const { key, publish } = await limited({ ofApplication: { count: 100, periodSeconds: 60 }, ofKey: { ...SLOW, burst: 3 } })
    const answers = [await publish(), await publish(), await publish(), await publish()]
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 429])
    expect(answers.map(({ headers }) => headers.get("ratelimit-policy"))).toEqual(
      Array(4).fill('"key";q=2;w=3600, "application";q=100;w=60'),
    )
    expect(answers.map(({ headers }) => /"key";r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1])).toEqual(["2", "1", "0", "0"])
    const refused = answers[3]!
    expect(refused.body).toMatchObject({ code: "resource_exhausted", message: "Too many events for the key." })
    const seconds = Number(refused.headers.get("retry-after"))
    expect(seconds).toBeGreaterThan(1700)
    expect(seconds).toBeLessThanOrEqual(1800)
    expect((await ask("GET /metrics")).body).toMatch(/posthorn_ingest_limited_total 1/)
    expect((await ask("POST /v1/events", { body: EVENT, key })).status).toBe(429)
  })

  test("typed clients get the same as leading metadata and as a detail", async () => {
    const transports = [
      createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }),
      createConnectTransport({ baseUrl: gateway.httpUrl, httpVersion: "1.1" }),
    ]
    for (const transport of transports) {
      const { key, publish } = await limited({ ofApplication: SLOW })
      const client = createClient(IngestService, transport)
      let remaining: string | null = null
      const onHeader = (headers: Headers): void => void (remaining = headers.get("ratelimit"))
      await client.publish({ type: "a.b" }, { headers: { authorization: `Bearer ${key}` }, onHeader })
      expect(remaining).toMatch(/^"application";r=1;t=\d+$/)
      await publish()
      const error = await client.publish({ type: "a.b" }, { headers: { authorization: `Bearer ${key}` } }).catch(ConnectError.from)
      if (!(error instanceof ConnectError)) throw new Error("not refused")
      expect(error.code).toBe(Code.ResourceExhausted)
      expect(Number(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds)).toBeGreaterThan(1700)
      expect(error.metadata.get("ratelimit-policy")).toBe('"application";q=2;w=3600')
    }
  })

  test("the items of a batch count, and those beyond the limit fail alone", async () => {
    const { key } = await limited({ ofApplication: SLOW })
    const { status, body } = await ask("POST /v1/events:batch", { body: { events: [EVENT, EVENT, EVENT] }, key })
    expect(status).toBe(202)
    const codes = body.results.map((result: { refused?: { code: string } }) => result.refused?.code)
    expect(codes).toEqual([undefined, undefined, "resource_exhausted"])
    expect(body.results[2].refused.retryAfterSeconds).toBeGreaterThan(1700)
  })

  test("the events of a stream count, those beyond the limit are refused alone, and revoking the key ends it", async () => {
    const { application, key } = await limited({ ofApplication: SLOW })
    const client = createClient(IngestService, createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }))
    const more = Promise.withResolvers<void>()
    async function* events() {
      for (const sequence of [1n, 2n, 3n]) yield { sequence, event: { type: "a.b" } }
      await more.promise
    }
    const codes: (string | undefined)[] = []
    const answers = client.publishStream(events(), { headers: { authorization: `Bearer ${key}` } })
    const ended = (async () => {
      for await (const { result } of answers) {
        codes.push(result.case === "refused" ? result.value.code : result.case)
        if (result.case === "refused") expect(result.value.retryAfterSeconds).toBeGreaterThan(1700)
      }
    })().catch(ConnectError.from)
    await eventually(() => codes.length === 3)
    expect(codes.toSorted((one, other) => (one ?? "").localeCompare(other ?? ""))).toEqual(["accepted", "accepted", "resource_exhausted"])
    const { keys } = ok(await ask(`GET /v1/applications/${application}/keys`))
    ok(await ask(`DELETE /v1/applications/${application}/keys/${keys[0].id}`))
    expect(await ended).toMatchObject({ code: Code.Unauthenticated })
    more.resolve()
  })

  test("what comes in for a subscription counts for its application, after its sender is verified", async () => {
    const { application } = await limited({ ofApplication: SLOW })
    const wanted = { url: "https://example.com/", source: { scheme: "none" } }
    const { id } = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body: wanted }))
    const statuses = []
    for (let at = 0; at < 3; at++) statuses.push((await ask(`POST /v1/ingest/${id}`, { body: "x", key: null })).status)
    expect(statuses).toEqual([202, 202, 429])
  })

  test("the installation's limit holds for who has none; the operator alone sets one, and without any nothing is counted or told", async () => {
    const strict = await installation.gateway({ ingestRateLimit: { count: 1, periodSeconds: 3600 } })
    const { application, key, publish } = await limited({})
    const there = () => strict.ask("POST /v1/events", { body: EVENT, key })
    await eventually(async () => (await there()).status === 429)
    expect((await publish()).headers.get("ratelimit")).toBeNull()
    const admin: string = ok(await ask(`POST /v1/applications/${application}/keys`, { body: { role: "admin", name: "a" } })).token
    const patch = (body: object, by?: string) => ask(`PATCH /v1/applications/${application}`, { body, ...(by && { key: by }) })
    expect((await patch({ ingestRateLimit: { count: 1000, periodSeconds: 1 } }, admin)).status).toBe(403)
    expect((await patch({ ingestRateLimit: { count: 1000, periodSeconds: 1 } })).status).toBe(200)
    expect((await patch({ name: "n" }, admin)).body.ingestRateLimit).toMatchObject({ count: 1000, periodSeconds: 1 })
    await eventually(async () => (await there()).status === 202)
    await strict.stop()
  })
})

describe("cancelling an event", () => {
  test("asks for every delivery that waits, of its own application alone", async () => {
    const to = await deliveries.tenant()
    const other = await deliveries.tenant()
    const sent = await deliveries.sent(to)
    await project(installation.log, installation.store)
    const path = `/v1/events/${sent.facts.eventId}:cancel`
    expect((await deliveries.post(path, {}, other.admin)).status).toBe(404)
    expect((await deliveries.post(path, {}, to.viewer)).status).toBe(403)
    expect(ok(await deliveries.post(path, { reason: "by mistake" }, to.admin))).toEqual({ requestedCount: 1, more: false })
    const asked = (await deliveries.recordsOf("control", ControlRecordSchema)).flatMap(({ record }) =>
      record.case === "cancel" && record.value.delivery?.eventId === sent.facts.eventId ? [record.value] : [],
    )
    expect(asked).toMatchObject([{ delivery: { deliveryId: sent.id }, round: 1, attempt: 1, reason: "by mistake" }])
    await deliveries.attempted(sent, 1, DeliveryState.DELIVERED)
    await project(installation.log, installation.store)
    expect(ok(await deliveries.post(path, {}, to.admin))).toEqual({ requestedCount: 0, more: false })
  })
})

test("how far ahead an event may be scheduled goes by the system's clock, whatever the steady one says", async () => {
  const dayMs = 24 * 3600 * 1000
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() - 10 * dayMs }
  const slow = await installation.gateway({ clock })
  const { key } = await limited({})
  const schedule = (days: number) =>
    slow.ask("POST /v1/events", { key, body: { ...EVENT, deliverAt: new Date(Date.now() + days * dayMs).toISOString() } })
  await eventually(async () => (await schedule(29)).status === 202)
  const late = await schedule(31)
  expect([late.status, late.body.details[0].field]).toEqual([400, "deliver_at"])
  await slow.stop()
})

test("of what comes in for a subscription, type, id and time of a CloudEvent are read and the body stays as it is", async () => {
  const { application } = await limited({})
  const wanted = { url: "https://example.com/", source: { scheme: "none" } }
  const { id } = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body: wanted }))
  const ce = { "ce-specversion": "1.0", "ce-id": "7", "ce-source": "/s", "ce-type": "order.made", "ce-time": "2026-01-31T12:00:00Z" }
  const structured = '{ "specversion":"1.0","id":"8","source":"/s","type":"order.made","time":"2026-01-31T12:00:00Z", "data":1.0}'
  const sent = [
    { headers: ce, body: "raw" },
    { headers: ce, body: "raw" },
    { headers: { "content-type": "application/cloudevents+json" }, body: structured },
  ]
  const ids: string[] = []
  for (const each of sent) ids.push(ok(await ask(`POST /v1/ingest/${id}`, { key: null, ...each })).eventId)
  expect(ids[0]).toBe(ids[1])
  const [binary, whole] = [await deliveries.eventOf(ids[0]!), await deliveries.eventOf(ids[2]!)]
  for (const event of [binary, whole]) {
    expect(event.type).toBe("order.made")
    expect(timestampMs(event.occurredAt!)).toBe(Date.parse("2026-01-31T12:00:00Z"))
  }
  expect([Buffer.from(binary.payload).toString(), Buffer.from(whole.payload).toString()]).toEqual(["raw", structured])
})
