import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { networksOf } from "@posthorn/outbound"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok, type Tenant } from "../deliveries-under-test.ts"
import type { GatewayUnderTest } from "../gateway-under-test.ts"
import { hmac, startForDialects } from "./dialects-under-test.ts"
import type { RootDialect } from "./root-dialect.ts"

let posthorn: Awaited<ReturnType<typeof startForDialects>>
let ours: Tenant
let theirs: Tenant

beforeAll(async () => {
  posthorn = await startForDialects()
  ours = await posthorn.deliveries.tenant()
  theirs = await posthorn.deliveries.tenant()
})
afterAll(() => posthorn.stop())

const ask: GatewayUnderTest["ask"] = (...asked) => posthorn.gateway.ask(...asked)
const within = (applicationId: string) => ({ headers: { "posthorn-application": applicationId } })

/** A gateway with a dialect at its root, for as long as the work takes. */
async function withRoot(more: Partial<RootDialect>, work: (gateway: GatewayUnderTest) => Promise<void>): Promise<void> {
  const rootDialect = { name: "rest", applicationId: ours.application, keylessFrom: undefined, ...more }
  const gateway = await posthorn.installation.gateway({ rootDialect })
  try {
    await work(gateway)
  } finally {
    await gateway.stop()
  }
}

test("without a key nothing is read or changed, in the one shape of errors", async () => {
  for (const route of [
    "GET /compat/rest/subscriptions",
    "POST /compat/classic/add_subscription",
    "GET /compat/hub/api/webhooks/dlv_x/status",
  ]) {
    const answer = await ask(route, { key: null })
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated", details: [], requestId: expect.any(String) } })
  }
})

test("the role of a key holds as it does in the contract", async () => {
  const body = { target_url: "https://example.com/" }
  expect((await ask("GET /compat/rest/subscriptions", { key: ours.viewer })).status).toBe(200)
  expect((await ask("POST /compat/rest/subscriptions", { key: ours.viewer, body })).status).toBe(403)
})

test("the operator names the application, and acts within it alone", async () => {
  expect(await ask("GET /compat/rest/subscriptions")).toMatchObject({ status: 400, body: { details: [{ field: "posthorn-application" }] } })
  const listed = ok(await ask("GET /compat/rest/subscriptions", within(ours.application)))
  expect(listed.map(({ id }: { id: string }) => id)).toEqual([ours.subscription])
  const foreign = await ask(`GET /compat/rest/subscriptions/${theirs.subscription}`, within(ours.application))
  expect(foreign).toMatchObject({ status: 404, body: { message: "There is no such subscription." } })
  expect((await ask("GET /compat/rest/subscriptions", within("app_00000000000000000000000000"))).status).toBe(404)
})

test("a key that names another application finds none, and reaches nothing of it by ids", async () => {
  const named = await ask("GET /compat/rest/subscriptions", { key: ours.admin, ...within(theirs.application) })
  expect(named).toMatchObject({ status: 404, body: { message: "There is no such application." } })
  for (const route of [
    `GET /compat/rest/subscriptions/${theirs.subscription}`,
    `PUT /compat/rest/subscriptions/${theirs.subscription}`,
    `DELETE /compat/rest/subscriptions/${theirs.subscription}`,
    `GET /compat/rest/subscriptions/${theirs.subscription}/deliveries`,
    `POST /compat/rest/ingest/${theirs.subscription}`,
    `GET /compat/hub/api/webhooks/subscription/${theirs.subscription}`,
    `GET /compat/classic/subscription_deliveries/${theirs.subscription}`,
    `PUT /compat/classic/update_subscription/${theirs.subscription}`,
    `DELETE /compat/classic/delete_subscription/${theirs.subscription}`,
  ]) {
    const body = route.startsWith("GET") || route.startsWith("DELETE") ? {} : { body: { is_active: false } }
    expect((await ask(route, { key: ours.admin, ...body })).status, route).toBe(404)
  }
})

test("faults are told by the dialect's own names, all at once", async () => {
  const body = { target_url: "http://10.0.0.1/", event_types: ["order.*", "no spaces"] }
  const { status, body: refused } = await ask("POST /compat/rest/subscriptions", { key: ours.admin, body })
  expect({ status, fields: refused.details.map(({ field }: { field: string }) => field) }).toEqual({
    status: 400,
    fields: ["event_types[1]"],
  })
  const wrong = { target_url: 1, event_types: "order.*", is_active: "yes", unknown: true }
  const unreadable = await ask("POST /compat/rest/subscriptions", { key: ours.admin, body: wrong })
  expect(unreadable.body.details.map(({ field }: { field: string }) => field)).toEqual(["target_url", "event_types", "is_active"])
  const guarded = await ask("POST /compat/classic/add_subscription", { key: ours.admin, body: { target_url: "http://10.0.0.1/" } })
  expect(guarded).toMatchObject({ status: 400, body: { details: [{ field: "target_url" }] } })
})

test("a body that is not JSON, or says so, is refused", async () => {
  const route = "POST /compat/rest/subscriptions"
  const json = { "content-type": "application/json" }
  expect((await ask(route, { key: ours.admin, body: "target_url=x" })).status).toBe(415)
  for (const body of ["[]", "{", '{"target_url":"a","target_url":"b"}'])
    expect((await ask(route, { key: ours.admin, headers: json, body })).status).toBe(400)
})

test("a method that a path does not take is told which it takes", async () => {
  const { status, headers } = await ask("PATCH /compat/rest/subscriptions")
  expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD, POST"])
  expect((await ask("GET /compat/nothing/subscriptions")).status).toBe(404)
  expect((await ask("GET /subscriptions")).status).toBe(404)
})

test("at the root the operator acts for the configured application, and nobody for another", () =>
  withRoot({}, async (gateway) => {
    const listed = ok(await gateway.ask("GET /subscriptions"))
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([ours.subscription])
    expect((await gateway.ask("GET /subscriptions", { key: ours.viewer })).status).toBe(200)
    expect((await gateway.ask("GET /subscriptions", { key: theirs.admin })).status).toBe(404)
    expect((await gateway.ask("GET /subscriptions", within(theirs.application))).status).toBe(404)
    expect((await gateway.ask("GET /subscriptions", { key: null })).status).toBe(401)
    // Below /compat it is as ever.
    expect((await gateway.ask("GET /compat/rest/subscriptions", { key: theirs.admin })).status).toBe(200)
  }))

test("at the root without an application, the caller's key says which", () =>
  withRoot({ applicationId: undefined }, async (gateway) => {
    const listed = ok(await gateway.ask("GET /subscriptions", { key: theirs.viewer }))
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([theirs.subscription])
    expect((await gateway.ask("GET /subscriptions")).status).toBe(400)
  }))

test("Posthorn's own paths stay its own beside a dialect at the root", () =>
  withRoot({}, async (gateway) => {
    expect((await gateway.ask("GET /health", { key: null })).body.components).toHaveProperty("log")
    expect((await gateway.ask("GET /livez", { key: null })).status).toBe(200)
    expect((await gateway.ask("GET /metrics", { key: null })).body).toContain("posthorn_requests_total")
    expect(ok(await gateway.ask("GET /v1/applications")).applications.length).toBeGreaterThan(0)
    expect((await gateway.ask("POST /webhook", { key: null })).body).toEqual({ received: true })
  }))

test("from a trusted network the root needs no key, for its application alone, and the log warns of it", () =>
  withRoot({ keylessFrom: networksOf(["loopback"]) }, async (gateway) => {
    const keyless = { key: null }
    const created = ok(await gateway.ask("POST /subscriptions", { ...keyless, body: { target_url: "https://example.com/keyless" } }))
    expect(ok(await ask(`GET /v1/subscriptions/${created.id}`)).applicationId).toBe(ours.application)
    expect((await gateway.ask(`POST /ingest/${created.id}`, { ...keyless, body: { a: 1 } })).status).toBe(202)
    expect((await gateway.ask(`DELETE /subscriptions/${created.id}`, keyless)).status).toBe(204)
    for (const route of [`GET /subscriptions/${theirs.subscription}`, `POST /ingest/${theirs.subscription}`])
      expect((await gateway.ask(route, keyless)).status, route).toBe(404)
    expect((await gateway.ask("GET /subscriptions", { ...keyless, ...within(theirs.application) })).status).toBe(404)
    expect((await gateway.ask("GET /compat/rest/subscriptions", { ...keyless, ...within(ours.application) })).status).toBe(401)
    expect((await gateway.ask(`GET /v1/subscriptions/${ours.subscription}`, keyless)).status).toBe(401)
    const warning = posthorn.installation.lines.find((line) => line.includes("without a key"))
    expect(JSON.parse(warning ?? "{}")).toMatchObject({ dialect: "rest", applicationId: ours.application })
  }))

test("at the root not even a right signature reaches another application", () =>
  withRoot({ name: "hub" }, async (gateway) => {
    const signed = { body: "{}", headers: { "x-hub-signature-256": `sha256=${hmac("s", "{}")}` }, key: null }
    for (const [tenant, status] of [
      [ours, 202],
      [theirs, 404],
    ] as const) {
      const wanted = { url: "https://example.com/", source: { scheme: "hub", secret: "s" } }
      const { id } = ok(await ask(`POST /v1/applications/${tenant.application}/subscriptions`, { body: wanted }))
      expect((await gateway.ask(`POST /api/webhooks/ingest/${id}`, signed)).status).toBe(status)
      expect((await gateway.ask(`POST /v1/ingest/${id}`, signed)).status).toBe(202)
    }
  }))

test("a page in a browser is asked for a key, although it calls from a trusted network", () =>
  withRoot({ keylessFrom: networksOf(["loopback"]) }, async (gateway) => {
    const headers = { origin: "https://elsewhere.example" }
    const asking = { key: null, headers, body: { target_url: "https://example.com/" } }
    expect((await gateway.ask("POST /subscriptions", asking)).status).toBe(401)
    expect((await gateway.ask("POST /subscriptions", { ...asking, key: ours.admin })).status).toBe(201)
  }))

test("who calls a trusted address by a name that anybody could own is asked for a key: its owner may have written the page that calls", () =>
  withRoot({ keylessFrom: networksOf(["loopback"]) }, async (gateway) => {
    const statusFor = async (host: string): Promise<number | undefined> => {
      const asked = request(`${gateway.httpUrl}/subscriptions`, { headers: { host } }).end()
      const [response] = (await once(asked, "response")) as [IncomingMessage]
      response.resume()
      return response.statusCode
    }
    const names = ["127.0.0.1:8080", "[::1]:8080", "localhost", "posthorn:80", "posthorn.hooks.svc", "posthorn.hooks.svc.cluster.local."]
    expect(await Promise.all(names.map(statusFor))).toEqual(names.map(() => 200))
    const foreign = ["elsewhere.example", "127.0.0.1.elsewhere.example:8080", "LOCALHOST.elsewhere.example."]
    expect(await Promise.all(foreign.map(statusFor))).toEqual(foreign.map(() => 401))
  }))

test("from anywhere else the root asks for a key", () =>
  withRoot({ keylessFrom: networksOf(["10.0.0.0/8"]) }, async (gateway) => {
    expect((await gateway.ask("GET /subscriptions", { key: null })).status).toBe(401)
    expect((await gateway.ask("GET /subscriptions", { key: ours.viewer })).status).toBe(200)
  }))
