import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { EventAcceptedSchema, DeliveryState } from "@posthorn/proto"
import { foldStatus, formatId, type ProjectedRecord } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import { deliveriesOf, ok, type Tenant } from "./deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"
import { project } from "./projecting-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let deliveries: ReturnType<typeof deliveriesOf>
let tenant: Tenant
let other: Tenant

beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  deliveries = deliveriesOf(installation, gateway)
  tenant = await deliveries.tenant()
  other = await deliveries.tenant()
}, 60_000)
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

// oxlint-disable-next-line no-explicit-any -- tests look into lines of every shape
type Line = any

/** Reads a stream line by line, for as long as the test wants. */
class Reading {
  readonly lines: Line[] = []
  readonly #closing = new AbortController()
  #ended: Promise<void> = Promise.resolve()

  static async open(path: string, key: string, url = gateway.httpUrl): Promise<Reading> {
    const reading = new Reading()
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` }, signal: reading.#closing.signal })
    expect(response.status).toBe(200)
    reading.#ended = reading.#read(response).catch(() => undefined)
    onTestFinished(() => reading.close())
    return reading
  }

  async #read(response: Response): Promise<void> {
    let rest = ""
    for await (const chunk of response.body ?? []) {
      const [last = "", ...whole] = (rest + Buffer.from(chunk as Uint8Array).toString()).split("\n").toReversed()
      rest = last
      this.lines.push(...whole.toReversed().map((line) => JSON.parse(line)))
    }
  }

  async ended(): Promise<Line[]> {
    await this.#ended
    return this.lines
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#ended
  }
}

const exportOf = async (path: string, key: string): Promise<Line[]> => (await Reading.open(path, key)).ended()

/** So many events of an application at one time each, straight into the view. */
async function manyEvents(applicationId: string, count: number): Promise<string[]> {
  const [end] = await installation.log.ends("events.bulk")
  const first = end?.high ?? 0
  const ids = Array.from({ length: count }, (_, at) => formatId("event", Buffer.from(`event-${String(at).padStart(9, "0")}!`)))
  const records = ids.map((eventId, at): ProjectedRecord => {
    const event = {
      eventId,
      applicationId,
      type: "bulk.made",
      payload: Buffer.from("{}"),
      acceptedAt: timestampFromMs(Date.now() - 60_000 + (at >> 3)),
    }
    return { topic: "events.bulk", partition: 0, offset: first + at, message: create(EventAcceptedSchema, event) }
  })
  await installation.store.positions([{ topic: "many", partition: 0, low: 0 }])
  const rows = foldStatus(records, [])
  await installation.store.project({ ranges: [{ topic: "many", partition: 0, first: 0, next: count }], rows })
  return ids
}

test("an export has every row of its list once, in its order, and goes on from any token", async () => {
  const ids = await manyEvents(tenant.application, 650)
  const lines = await exportOf("/v1/events:export?type=bulk.made", tenant.viewer)
  const exported: string[] = lines.map(({ event }) => event.id)
  expect(exported.toSorted()).toEqual(ids.toSorted())
  const listed: string[] = []
  for (let token = ""; ;) {
    const page = ok(await gateway.ask(`GET /v1/events?type=bulk.made&pageSize=200&pageToken=${token}`, { key: tenant.viewer }))
    listed.push(...page.events.map(({ id }: Line) => id))
    token = page.nextPageToken
    if (token === "") break
  }
  expect(exported).toEqual(listed)
  expect(lines[0].event).toEqual(ok(await gateway.ask("GET /v1/events?type=bulk.made&pageSize=1", { key: tenant.viewer })).events[0])
  // Cut off anywhere, what was read up to the last token and what comes after it is everything.
  for (const cut of [1, 199, 200, 201, 399, 400, 640, 650]) {
    const at = lines.slice(0, cut).findLastIndex(({ pageToken }) => pageToken !== "")
    const token = at === -1 ? "" : lines[at].pageToken
    const rest = await exportOf(`/v1/events:export?type=bulk.made&pageToken=${token}`, tenant.viewer)
    expect([...exported.slice(0, at + 1), ...rest.map(({ event }) => event.id)]).toEqual(exported)
  }
  expect(await exportOf("/v1/events:export?type=bulk.made", other.viewer)).toEqual([])
  const bad = await gateway.ask("GET /v1/events:export?pageToken=garbage", { key: tenant.viewer })
  expect([bad.status, bad.body.details[0].field]).toEqual([400, "page_token"])
})

test("deliveries, dead letters and the audit log are exported as their lists show them, to the same callers", async () => {
  const sent = await deliveries.sent(tenant)
  await deliveries.attempted(sent, 1, DeliveryState.RETRYING)
  await deliveries.attempted(sent, 2, DeliveryState.DEAD)
  await project(installation.log, installation.store)
  const list = async (path: string, key: string) => ok(await gateway.ask(`GET ${path}`, { key }))
  const plain = await exportOf("/v1/deliveries:export", tenant.viewer)
  expect(plain.map(({ delivery }) => delivery)).toEqual((await list("/v1/deliveries", tenant.viewer)).deliveries)
  const whole = await exportOf("/v1/deliveries:export?withAttempts=true&state=dead", tenant.viewer)
  expect(whole.map(({ delivery }) => delivery.attempts.map(({ number }: Line) => number))).toEqual([[1, 2]])
  const letters = await exportOf("/v1/dead-letters:export", tenant.viewer)
  expect(letters.map(({ deadLetter }) => deadLetter)).toEqual((await list("/v1/dead-letters", tenant.viewer)).deadLetters)
  const audit = await exportOf("/v1/audit-log:export?outcome=done", tenant.admin)
  expect(audit.map(({ entry }) => entry)).toEqual((await list("/v1/audit-log?outcome=done&pageSize=200", tenant.admin)).entries)
  expect(audit.length).toBeGreaterThan(3)
  expect((await gateway.ask("GET /v1/audit-log:export", { key: tenant.viewer })).status).toBe(403)
  for (const path of ["deliveries", "dead-letters"]) expect(await exportOf(`/v1/${path}:export`, other.viewer)).toEqual([])
})

test("a live stream shows what happens to deliveries of its application, and goes on at another gateway where it broke off", async () => {
  const watching = await Reading.open("/v1/deliveries:watch", tenant.viewer)
  const foreign = await Reading.open("/v1/deliveries:watch", other.viewer)
  await eventually(() => expect([watching.lines.length, foreign.lines.length]).toEqual([1, 1]))
  const sent = await deliveries.sent(tenant)
  await deliveries.attempted(sent, 1, DeliveryState.RETRYING)
  await eventually(() => expect(watching.lines).toHaveLength(3))
  expect(watching.lines.slice(1).map(({ change }) => [change.delivery.id, change.delivery.state, change.attempt?.statusCode])).toEqual([
    [sent.id, "scheduled", undefined],
    [sent.id, "retrying", 503],
  ])
  await watching.close()
  await deliveries.attempted(sent, 2, DeliveryState.DELIVERED)
  const elsewhere = await installation.gateway()
  onTestFinished(() => elsewhere.stop())
  const cursor = watching.lines[1].cursor
  const again = await Reading.open(`/v1/deliveries:watch?cursor=${cursor}`, tenant.viewer, elsewhere.httpUrl)
  await eventually(() => expect(again.lines.slice(1).map(({ change }) => change.attempt.number)).toEqual([1, 2]))
  expect(foreign.lines.map(({ change }) => change)).toEqual([undefined])
  const bad = await gateway.ask("GET /v1/deliveries:watch?cursor=x", { key: tenant.viewer })
  expect([bad.status, bad.body.details[0].field]).toEqual([400, "cursor"])
  expect((await gateway.ask(`GET /v1/deliveries:watch?subscriptionId=${tenant.subscription}`, { key: other.viewer })).status).toBe(404)
})

test("streams of a revoked key, of a deleted application and of a gateway that stops end, and say why", async () => {
  const mine = await deliveries.tenant()
  const { key, token } = ok(await deliveries.post(`/v1/applications/${mine.application}/keys`, { role: "viewer", name: "short" }))
  const stopping = await installation.gateway()
  const revoked = await Reading.open("/v1/deliveries:watch", token)
  const deleted = await Reading.open(`/v1/deliveries:watch?applicationId=${mine.application}`, "an-operator-key-for-tests-and-nothing-else")
  const drained = await Reading.open("/v1/deliveries:watch", mine.viewer, stopping.httpUrl)
  ok(await gateway.ask(`DELETE /v1/applications/${mine.application}/keys/${key.id}`))
  expect((await revoked.ended()).at(-1).error.code).toBe("unauthenticated")
  await stopping.stop()
  const lines = await drained.ended()
  expect(lines.at(-1).error.code).toBe("unavailable")
  expect(lines.at(-2).cursor).not.toBe("")
  ok(await gateway.ask(`DELETE /v1/applications/${mine.application}`))
  expect((await deleted.ended()).at(-1).error.code).toBe("not_found")
})

test("the number of open streams is a metric, and no cursor is in a log line", async () => {
  const metrics = async () => (await gateway.ask("GET /metrics", { key: null })).body as string
  await eventually(async () => expect(await metrics()).toContain('posthorn_open_streams{kind="watch"} 0'))
  const watching = await Reading.open("/v1/deliveries:watch", tenant.viewer)
  expect(await metrics()).toContain('posthorn_open_streams{kind="watch"} 1')
  await eventually(() => expect(watching.lines).toHaveLength(1))
  expect(installation.lines.join("")).not.toContain(watching.lines[0].cursor)
})
