import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startInstallation, type Answer, type GatewayUnderTest, type Installation } from "../../gateway-under-test.ts"
import { project } from "../../projecting-under-test.ts"

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

interface Entry {
  readonly action: string
  readonly [name: string]: unknown
}

const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}
const newApplication = async (): Promise<string> => ok(await ask("POST /v1/applications", { body: { name: "shop" } })).id
const newKey = async (application: string, role: string): Promise<{ token: string; id: string }> => {
  const { key, token } = ok(await ask(`POST /v1/applications/${application}/keys`, { body: { role } }))
  return { token, id: key.id }
}
const entries = async (query: string, key?: string): Promise<Entry[]> => {
  await project(installation.log, installation.store)
  return ok(await ask(`GET /v1/audit-log?${query}`, key === undefined ? {} : { key })).entries
}

test("a change is shown with who made it and what it changed; a changed secret as changed, and never the secret", async () => {
  const application = await newApplication()
  const { token, id: keyId } = await newKey(application, "admin")
  const secrets = ["hunter-2-hunter-2-hunter-2", "hunter-3-hunter-3-hunter-3"]
  const body = {
    url: "https://example.com/",
    secret: secrets[0],
    headers: { authorization: "Bearer canary" },
    source: { scheme: "hub", secret: secrets[1] },
  }
  const { id } = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { key: token, body }))
  const change = async (fields: object) =>
    ok(await ask(`PATCH /v1/subscriptions/${id}`, { key: token, body: fields, headers: { "x-request-id": "a-request" } }))
  await change({ secret: secrets[1] })
  await change({ description: "changed" })
  const [last, rotated, created] = await entries(`entityId=${id}`, token)
  expect(last).toMatchObject({
    action: "updated",
    kind: "subscription",
    outcome: "done",
    actor: keyId,
    requestId: "a-request",
    version: "3",
  })
  const state = (entry: Entry | undefined, when: "before" | "after") => entry?.[when] as Record<string, unknown> | undefined
  expect([state(last, "before")?.["description"], state(last, "after")?.["description"]]).toEqual([undefined, "changed"])
  expect(state(last, "after")?.["secrets"]).toEqual(state(last, "before")?.["secrets"])
  expect(state(rotated, "before")).toEqual(state(created, "after"))
  expect(state(rotated, "after")?.["secrets"]).toEqual([{ fingerprint: expect.stringMatching(/^v1:test:/) }])
  expect(state(rotated, "after")?.["secrets"]).not.toEqual(state(rotated, "before")?.["secrets"])
  expect(state(last, "after")?.["source"]).toMatchObject({ scheme: "hub", secret: expect.stringMatching(/^v1:test:/) })
  const all = JSON.stringify(await entries("pageSize=200"))
  for (const secret of [...secrets, "canary", token.slice(-39)]) expect(all).not.toContain(secret)
})

test("refused requests are shown to whom they concern, with who, what, why and from where", async () => {
  const [application, other] = [await newApplication(), await newApplication()]
  const [viewer, foreign] = [await newKey(application, "viewer"), await newKey(other, "admin")]
  const { id } = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body: { url: "https://example.com/" } }))
  const door = await installation.gateway()
  await eventually(async () => expect((await door.ask(`GET /v1/subscriptions/${id}`)).status).toBe(200))
  const statuses = []
  for (const [route, asking] of [
    [`DELETE /v1/subscriptions/${id}`, { key: viewer.token, headers: { "x-request-id": "not-allowed" } }],
    [`GET /v1/applications/${application}/keys`, { key: viewer.token }],
    [`DELETE /v1/subscriptions/${id}`, { key: foreign.token }],
    [`PATCH /v1/subscriptions/${id}`, { body: { url: "https://10.0.0.1/" } }],
    [`DELETE /v1/subscriptions/${id}`, { key: "ph_live_nonsense" }],
    [`GET /v1/subscriptions/sub_none`, { key: viewer.token }],
  ] as const)
    statuses.push((await door.ask(route, asking)).status)
  expect(statuses).toEqual([403, 403, 404, 400, 401, 404])
  await door.stop()
  const shown = (found: readonly Entry[]) =>
    found.map(({ actor, code, method, entityId }) => [actor, code, String(method).split("/")[1], entityId ?? ""])
  const own = await entries(`applicationId=${application}&outcome=refused`)
  expect(shown(own).toSorted((a, b) => (String(a) < String(b) ? -1 : 1))).toEqual([
    [viewer.id, "permission_denied", "DeleteSubscription", ""],
    [viewer.id, "permission_denied", "ListKeys", ""],
    ["operator", "invalid_argument", "UpdateSubscription", id],
  ])
  expect(own.find(({ requestId }) => requestId === "not-allowed")).toMatchObject({
    action: "refused",
    kind: "subscription",
    remoteAddress: "127.0.0.1",
  })
  expect(shown(await entries("outcome=refused", foreign.token))).toEqual([[foreign.id, "not_found", "DeleteSubscription", id]])
  const anonymous = await entries("outcome=refused&actor=anonymous")
  expect(shown(anonymous)).toContainEqual(["anonymous", "unauthenticated", "DeleteSubscription", ""])
})

test("the log is for those who manage the application, and for nobody else's", async () => {
  const [application, other] = [await newApplication(), await newApplication()]
  const viewer = await newKey(application, "viewer")
  const admin = await newKey(application, "admin")
  expect((await ask("GET /v1/audit-log", { key: viewer.token })).status).toBe(403)
  expect((await ask(`GET /v1/audit-log?applicationId=${other}`, { key: admin.token })).status).toBe(404)
  const own = await entries("", admin.token)
  expect(new Set(own.map(({ applicationId }) => applicationId))).toEqual(new Set([application]))
  // A page token says where a page begins, not whose: with somebody else's one sees one's own.
  const { nextPageToken } = ok(await ask(`GET /v1/audit-log?applicationId=${other}&pageSize=1`))
  const page = await ask(`GET /v1/audit-log?pageToken=${nextPageToken}`, { key: admin.token })
  for (const entry of page.body.entries ?? []) expect(entry.applicationId).toBe(application)
})

test("when a key was last used is shown, and that it is not is no reason to refuse", async () => {
  const application = await newApplication()
  const { id, token } = await newKey(application, "viewer")
  await project(installation.log, installation.store)
  const shown = async () => ok(await ask(`GET /v1/applications/${application}/keys/${id}`)).lastUsedAt
  expect(await shown()).toBeUndefined()
  const other = await installation.gateway()
  await eventually(async () => expect((await other.ask(`GET /v1/applications/${application}`, { key: token })).status).toBe(200))
  await other.stop()
  expect(Date.parse(await shown())).toBeGreaterThan(Date.now() - 60_000)
  const [listed] = ok(await ask(`GET /v1/applications/${application}/keys`)).keys
  expect(listed.lastUsedAt).toBe(await shown())
  const without = await installation.gateway({
    store: { ...installation.store, lastUses: () => wait(60_000, new Map(), { ref: false }) },
  })
  expect(ok(await without.ask(`GET /v1/applications/${application}/keys/${id}`)).lastUsedAt).toBeUndefined()
  await without.stop()
})

test("a key that is revoked at one gateway is refused at another, long before 5 seconds have passed", async () => {
  const application = await newApplication()
  const { id, token } = await newKey(application, "admin")
  const other = await installation.gateway()
  const status = async () => (await other.ask(`GET /v1/applications/${application}`, { key: token })).status
  await eventually(async () => expect(await status()).toBe(200))
  ok(await ask(`DELETE /v1/applications/${application}/keys/${id}`))
  await eventually(async () => expect(await status()).toBe(401), { timeoutMs: limits.KEY_CACHE_MS })
  expect((await ask(`GET /v1/applications/${application}`, { key: token })).status).toBe(401)
  await other.stop()
})
