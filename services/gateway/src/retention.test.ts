import { fromBinary } from "@bufbuild/protobuf"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ok } from "./deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"

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

const applicationWith = async (retentionHours: number): Promise<string> =>
  ok(await ask("POST /v1/applications", { body: { name: "shop", retentionHours } })).id

/** Everything that was accepted for an application. */
async function acceptedFor(applicationId: string): Promise<EventAccepted[]> {
  const ranges = (await installation.log.ends("events")).map(
    ({ partition, low, high }) => ({ topic: "events", partition, from: low, to: high }) as const,
  )
  const found: EventAccepted[] = []
  await installation.log.read(ranges, (records) => found.push(...records.map(({ value }) => fromBinary(EventAcceptedSchema, value))))
  return found.filter((event) => event.applicationId === applicationId)
}

const EVENT = { type: "order.made", data: {} }

/** By every way in. */
async function publishAll(applicationId: string): Promise<void> {
  const subscription = { url: "https://example.com/", source: { scheme: "none" } }
  const { id } = ok(await ask(`POST /v1/applications/${applicationId}/subscriptions`, { body: subscription }))
  ok(await ask("POST /v1/events", { body: { ...EVENT, applicationId } }))
  ok(await ask("POST /v1/events", { body: { ...EVENT, applicationId, idempotencyKey: "one" } }))
  ok(await ask("POST /v1/events:batch", { body: { events: [{ ...EVENT, applicationId }] } }))
  ok(await ask(`POST /v1/ingest/${id}`, { body: "x", key: null }))
  ok(await ask(`POST /v1/subscriptions/${id}:test`, { body: {} }))
}

test("events say how long they are kept, by what their application wanted when they were accepted, never shorter", async () => {
  const [unsaid, wanting] = [await applicationWith(0), await applicationWith(100)]
  await publishAll(unsaid)
  await publishAll(wanting)
  expect((await acceptedFor(unsaid)).map((event) => event.retentionHours)).toEqual([0, 0, 0, 0, 0])
  expect((await acceptedFor(wanting)).map((event) => event.retentionHours)).toEqual([120, 120, 120, 120, 120])

  ok(await ask(`PATCH /v1/applications/${wanting}`, { body: { retentionHours: 24 } }))
  ok(await ask("POST /v1/events", { body: { ...EVENT, applicationId: wanting } }))
  const hours = (await acceptedFor(wanting)).map((event) => event.retentionHours)
  expect(hours.filter((each) => each !== 120)).toEqual([24])
})

test("the operator alone says how long an application's events are kept; an administrator changes everything else as before", async () => {
  const application = await applicationWith(100)
  const admin: string = ok(await ask(`POST /v1/applications/${application}/keys`, { body: { role: "admin", name: "a" } })).token
  const patch = (body: object, key?: string) => ask(`PATCH /v1/applications/${application}`, { body, ...(key && { key }) })
  expect((await patch({ retentionHours: 8760 }, admin)).status).toBe(403)
  expect((await patch({ retentionHours: 0 }, admin)).status).toBe(403)
  expect((await patch({ retentionHours: 100, name: "m" }, admin)).body).toMatchObject({ retentionHours: 100, name: "m" })
  expect((await patch({ name: "n" }, admin)).body).toMatchObject({ retentionHours: 100, name: "n" })
  expect((await patch({ retentionHours: 0 })).body).toMatchObject({ retentionHours: 0 })
  expect((await patch({ retentionHours: 8761 })).status).toBe(400)
})
