import { DeliveryState } from "@posthorn/proto"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { deliveriesOf, ok, type Sent, type Tenant } from "../deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { keepProjecting, project } from "../projecting-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let deliveries: ReturnType<typeof deliveriesOf>
let projecting: ReturnType<typeof keepProjecting>
let tenant: Tenant
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  deliveries = deliveriesOf(installation, gateway)
  projecting = keepProjecting(installation.log, installation.store)
})
beforeEach(async () => {
  tenant = await deliveries.tenant()
})
afterAll(async () => {
  await projecting?.stop()
  await gateway?.stop()
  await installation?.stop()
})

let keys = 0
const by = (key = `key ${++keys}`) => ({ key: tenant.admin, headers: { "idempotency-key": key } })
const ended = async (): Promise<Sent> => {
  const sent = await deliveries.sent(tenant)
  await deliveries.attempted(sent, 1, DeliveryState.DELIVERED)
  await project(installation.log, installation.store).catch(() => undefined)
  await expect.poll(async () => (await gateway.ask(`GET /v1/deliveries/${sent.id}`)).body.state, { timeout: 15_000 }).toBe("delivered")
  return sent
}
const highs = async (topic: "attempts" | "control" | "deliveries" | "events") =>
  (await installation.log.ends(topic)).reduce((sum, { high }) => sum + high, 0)

test("a retry is begun once, however often it is asked for under one key, at once and later", async () => {
  const { id } = await ended()
  const asked = by()
  const before = await highs("attempts")
  const answers = await Promise.all([1, 2, 3].map(() => gateway.ask(`POST /v1/deliveries/${id}:retry`, asked)))
  for (const answer of answers) expect(ok(answer).id).toBe(id)
  expect(ok(await gateway.ask(`POST /v1/deliveries/${id}:retry`, asked)).round).toBe(2)
  expect(await highs("attempts")).toBe(before + 1)
  const other = await ended()
  expect((await gateway.ask(`POST /v1/deliveries/${other.id}:retry`, asked)).body.code).toBe("already_exists")
})

test("a refused request is not remembered, and one that was interrupted is done when nothing has come of it", async () => {
  const { id } = await ended()
  const asked = by()
  expect((await gateway.ask(`POST /v1/deliveries/${id}:cancel`, asked)).body.code).toBe("failed_precondition")
  ok(await gateway.ask(`POST /v1/deliveries/${id}:retry`, { key: tenant.admin }))
  const before = await highs("control")
  await gateway.ask(`POST /v1/deliveries/${id}:cancel`, asked)
  expect(await highs("control")).toBe(before + 1)
})

test("a test of a subscription is one event under one key", async () => {
  const asked = { ...by(), body: { data: { b: 1, a: 2 } } }
  const first = ok(await gateway.ask(`POST /v1/subscriptions/${tenant.subscription}:test`, asked))
  const before = await highs("events")
  expect(ok(await gateway.ask(`POST /v1/subscriptions/${tenant.subscription}:test`, { ...asked, body: { data: { a: 2, b: 1 } } }))).toEqual(
    first,
  )
  expect(await highs("events")).toBe(before)
  const another = await gateway.ask(`POST /v1/subscriptions/${tenant.subscription}:test`, { ...asked, body: { data: { a: 3 } } })
  expect(another.status).toBe(409)
})
