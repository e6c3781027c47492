import { AttemptRecordSchema, DeliveryState } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok, type Sent, type Tenant } from "../deliveries-under-test.ts"
import { startInstallation, type Answer, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { keepProjecting } from "../projecting-under-test.ts"
import { keepRouting } from "./routing-under-test.ts"

const WAIT = { timeoutMs: 60_000 }
const SINCE = new Date(NOW_MS - 60_000).toISOString()

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
let deliveries: ReturnType<typeof deliveriesOf>
let projecting: ReturnType<typeof keepProjecting>
let routing: Awaited<ReturnType<typeof keepRouting>>
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  ask = gateway.ask
  deliveries = deliveriesOf(installation, gateway)
  projecting = keepProjecting(installation.log, installation.store)
  routing = await keepRouting(installation.log)
})
afterAll(async () => {
  await gateway?.stop()
  await routing?.stop()
  await projecting?.stop()
  await installation?.stop()
})

const subscribe = async (to: Tenant, more: object = {}): Promise<string> => {
  const body = { url: "https://example.com/later", eventTypes: ["*"], ...more }
  return ok(await deliveries.post(`/v1/applications/${to.application}/subscriptions`, body)).id
}
const publish = async (to: Tenant, type = "order.made", data: object = {}): Promise<string> =>
  ok(await deliveries.post("/v1/events", { applicationId: to.application, type, data })).id
/** A delivery that stands so, in the view. */
async function sent(to: Tenant, state?: DeliveryState): Promise<Sent> {
  const delivery = await deliveries.sent(to)
  if (state !== undefined) await deliveries.attempted(delivery, 1, state)
  return delivery
}
/** All that there is has been routed, and is shown. */
async function settled(): Promise<void> {
  await routing.routed()
  for (const topic of ["events", "attempts", "config"] as const) {
    const ends = await installation.log.ends(topic)
    await eventually(async () => {
      const shown = await installation.store.projectedTo(topic)
      return ends.every(({ partition, high }) => (shown.get(partition) ?? 0) >= high)
    }, WAIT)
  }
}
const replay = async (
  eventId: string,
  more: { readonly key?: string; readonly body?: object; readonly headers?: Record<string, string> } = {},
) => ask(`POST /v1/events/${eventId}:replay`, { body: {}, ...more })
const resultsOf = (answer: Answer): Record<string, string> =>
  Object.fromEntries(ok(answer).deliveries.map((each: { subscriptionId: string; result: string }) => [each.subscriptionId, each.result]))
const begunFor = async (subscription: string) =>
  (await deliveries.duesOf("deliveries.bulk", { subscription }))
    .map(({ event, round, attempt }) => `${event!.eventId}/${round}/${attempt}`)
    .toSorted()
const ended = (id: string, state = "done") =>
  eventually(async () => {
    const task = ok(await ask(`GET /v1/tasks/${id}`))
    return task.state === state && task
  }, WAIT)
const replayEvents = (to: Tenant, filter: object = {}, more: object = {}) =>
  deliveries.post("/v1/events:replay", { filter: { since: SINCE, ...filter }, ...more }, to.admin)

test("one event goes again to whom it was sent and to whom it matches today, in the lower class; what is on its way is left alone", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const { facts, id } = await sent(to, DeliveryState.DELIVERED)
  const waiting = await sent(to)
  const [later, off, other] = [await subscribe(to), await subscribe(to), await subscribe(to, { eventTypes: ["invoice.*"] })]
  ok(await deliveries.post(`/v1/subscriptions/${off}:disable`))
  await settled()
  const answer = await replay(facts.eventId, { key: to.admin })
  expect(resultsOf(answer)).toEqual({ [to.subscription]: "new-round", [later]: "new-delivery" })
  const mine = answer.body.deliveries.find((each: { subscriptionId: string }) => each.subscriptionId === to.subscription)
  expect(mine).toMatchObject({ deliveryId: id, round: 2 })
  expect([await begunFor(to.subscription), await begunFor(later)]).toEqual([[`${facts.eventId}/2/2`], [`${facts.eventId}/1/1`]])
  const [due] = await deliveries.duesOf("deliveries.bulk", { subscription: later })
  expect(due).toMatchObject({ bulk: true, hastened: false, event: await deliveries.eventOf(facts.eventId), createdAt: facts.createdAt })
  const created = (await deliveries.recordsOf("attempts", AttemptRecordSchema)).flatMap(({ record }) =>
    record.case === "created" && record.value.delivery?.subscriptionId === later ? [record.value] : [],
  )
  expect(created.map(({ taskId, matched }) => [taskId.slice(0, 4), matched])).toEqual([["key_", 0]])
  await settled()
  expect(Object.values(resultsOf(await replay(facts.eventId)))).toEqual(["on-its-way", "on-its-way"])
  const named = await replay(waiting.facts.eventId, { body: { subscriptionIds: [to.subscription, off, other] } })
  expect(resultsOf(named)).toEqual({ [to.subscription]: "on-its-way", [off]: "disabled", [other]: "not-matched" })
  expect((await replay(facts.eventId, { key: to.viewer })).status).toBe(403)
  expect((await replay(facts.eventId, { key: stranger.admin })).status).toBe(404)
  expect((await replay(facts.eventId, { body: { subscriptionIds: [stranger.subscription] } })).status).toBe(404)
})

test("a replay with an idempotency key is one, also when the delivery has ended meanwhile", async () => {
  const to = await deliveries.tenant()
  const delivery = await sent(to, DeliveryState.DEAD)
  await settled()
  const asked = { headers: { "idempotency-key": "once" } }
  expect(resultsOf(await replay(delivery.facts.eventId, asked))).toEqual({ [to.subscription]: "new-round" })
  await deliveries.attempted(delivery, 2, DeliveryState.DELIVERED, { round: 2 })
  await settled()
  expect(resultsOf(await replay(delivery.facts.eventId, asked))).toEqual({ [to.subscription]: "done-before" })
  expect(await begunFor(to.subscription)).toEqual([`${delivery.facts.eventId}/2/2`])
  expect((await replay(delivery.facts.eventId, { ...asked, body: { subscriptionIds: [to.subscription] } })).status).toBe(409)
})

test("an event that came in for one subscription goes to no other", async () => {
  const to = await deliveries.tenant()
  await subscribe(to)
  const { eventId } = ok(await ask(`POST /v1/ingest/${to.subscription}`, { body: "{}" }))
  await settled()
  expect(resultsOf(await replay(eventId))).toEqual({ [to.subscription]: "new-delivery" })
})

test("a subscription gets what it did not get since a time: never had, dead or cancelled, as its filter takes it", async () => {
  const to = await deliveries.tenant()
  const [dead, , cancelled] = [
    await sent(to, DeliveryState.DEAD),
    await sent(to, DeliveryState.DELIVERED),
    await sent(to, DeliveryState.CANCELLED),
  ]
  const lost = await publish(to)
  const later = await subscribe(to, { eventTypes: ["order.*"], filter: { data: { large: true } } })
  const wanted = await publish(to, "order.paid", { large: true })
  await publish(to, "order.paid", { large: false })
  await publish(to, "invoice.made", { large: true })
  await settled()
  const path = (id: string) => `/v1/subscriptions/${id}:replay`
  expect(ok(await deliveries.post(path(to.subscription), { since: SINCE, dryRun: true }, to.admin))).toEqual({ total: "6" })
  const { task } = ok(await deliveries.post(path(later), { since: SINCE }, to.admin))
  expect(task).toMatchObject({ kind: "replay", total: "6", state: "running" })
  expect(await ended(task.id)).toMatchObject({ begun: "1", done: "7" })
  expect(await begunFor(later)).toEqual([`${wanted}/1/1`])
  const mine = ok(await deliveries.post(path(to.subscription), { since: SINCE, until: new Date().toISOString() }, to.admin))
  await ended(mine.task.id)
  const begun = await begunFor(to.subscription)
  expect(begun).toHaveLength(6)
  for (const each of [`${dead.facts.eventId}/2/2`, `${cancelled.facts.eventId}/2/2`, `${lost}/1/1`]) expect(begun).toContain(each)
})

test("a span is replayed by types and by what became of it; the task says what it could not do, and why", async () => {
  const to = await deliveries.tenant()
  const off = await subscribe(to)
  const [dead, delivered] = [await sent(to, DeliveryState.DEAD), await sent(to, DeliveryState.DELIVERED)]
  await sent(to)
  await publish(to, "invoice.made")
  ok(await deliveries.post(`/v1/subscriptions/${off}:disable`))
  await settled()
  expect(ok(await replayEvents(to, { types: ["order.*"] }, { dryRun: true }))).toEqual({ total: "3" })
  const onlyDead = ok(await replayEvents(to, { selection: "dead" })).task
  expect(await ended(onlyDead.id)).toMatchObject({ total: "4", done: "4", begun: "1" })
  expect(await begunFor(to.subscription)).toEqual([`${dead.facts.eventId}/2/2`])
  const { task } = ok(await replayEvents(to, { types: ["order.*"] }))
  const { left, begun } = await ended(task.id)
  expect(begun).toBe("1")
  expect(left).toEqual([
    { reason: "on-its-way", count: "2" },
    { reason: "disabled", count: "3" },
  ])
  expect(await begunFor(to.subscription)).toEqual([`${dead.facts.eventId}/2/2`, `${delivered.facts.eventId}/2/2`].toSorted())
})

test("what the log has let go is counted as gone", async () => {
  const to = await deliveries.tenant()
  await sent(to, DeliveryState.DEAD)
  await settled()
  for (const { partition, high } of await installation.log.ends("events")) await installation.log.trim("events", partition, high)
  const { task } = ok(await replayEvents(to))
  const after = await ended(task.id)
  expect([after.total, after.done ?? "0", after.left]).toEqual(["1", "0", [{ reason: "gone", count: "1" }]])
})

test("a replay rests and goes on where it was", { timeout: 60_000 }, async () => {
  const to = await deliveries.tenant()
  for (let index = 0; index < 6; index++) await publish(to)
  await settled()
  const { task } = ok(await replayEvents(to, {}, { ratePerSecond: 1 }))
  await eventually(async () => (await begunFor(to.subscription)).length > 0, WAIT)
  expect(ok(await deliveries.post(`/v1/tasks/${task.id}:pause`, {}, to.admin))).toMatchObject({ state: "paused" })
  expect(ok(await deliveries.post(`/v1/tasks/${task.id}:pause`, {}, to.admin))).toMatchObject({ state: "paused" })
  const rests = await eventually(async () => {
    const found = ok(await ask(`GET /v1/tasks/${task.id}`))
    return Number(found.begun ?? 0) === (await begunFor(to.subscription)).length && found
  }, WAIT)
  expect(rests.state).toBe("paused")
  expect(ok(await deliveries.post(`/v1/tasks/${task.id}:resume`, {}, to.admin))).toMatchObject({ state: "running" })
  expect(await ended(task.id)).toMatchObject({ begun: "6", done: "6" })
  expect(new Set(await begunFor(to.subscription)).size).toBe(6)
  expect((await deliveries.post(`/v1/tasks/${task.id}:resume`, {}, to.admin)).body.code).toBe("failed_precondition")
})

test("a redrive rests as well, and says of what it could not do how much that was", { timeout: 60_000 }, async () => {
  const to = await deliveries.tenant()
  const letters = async () => ok(await ask(`GET /v1/dead-letters?subscriptionId=${to.subscription}`)).deadLetters.length
  for (let index = 0; index < 6; index++) await sent(to, DeliveryState.DEAD)
  await eventually(async () => (await letters()) === 6, WAIT)
  const { task } = ok(await deliveries.post("/v1/dead-letters:redrive", { filter: {}, ratePerSecond: 1 }, to.admin))
  await eventually(async () => (await begunFor(to.subscription)).length > 0, WAIT)
  ok(await deliveries.post(`/v1/tasks/${task.id}:pause`, {}, to.admin))
  ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:disable`))
  ok(await deliveries.post(`/v1/tasks/${task.id}:resume`, {}, to.admin))
  const { done, left } = await ended(task.id)
  expect(Number(done)).toBeLessThan(6)
  expect(left).toEqual([{ reason: "disabled", count: String(6 - Number(done)) }])
})

test("a cancelled replay says what it had come to", { timeout: 60_000 }, async () => {
  const to = await deliveries.tenant()
  for (let index = 0; index < 6; index++) await publish(to)
  await settled()
  const { task } = ok(await replayEvents(to, {}, { ratePerSecond: 1 }))
  await eventually(async () => (await begunFor(to.subscription)).length > 1, WAIT)
  ok(await deliveries.post(`/v1/tasks/${task.id}:cancel`, {}, to.admin))
  await eventually(async () => {
    const { state, begun } = ok(await ask(`GET /v1/tasks/${task.id}`))
    return state === "cancelled" && Number(begun) === (await begunFor(to.subscription)).length
  }, WAIT)
})

test("what cannot be replayed is refused, and foreign names are not there", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const path = `/v1/subscriptions/${to.subscription}:replay`
  const old = new Date(NOW_MS - 8 * 24 * 3_600_000).toISOString()
  expect((await deliveries.post(path, { since: old }, to.admin)).body).toMatchObject({
    code: "invalid_argument",
    details: [{ field: "since" }],
  })
  expect((await replayEvents(to, { since: old })).body.details).toMatchObject([{ field: "filter.since" }])
  expect((await deliveries.post("/v1/events:replay", { filter: {} }, to.admin)).status).toBe(400)
  expect((await deliveries.post(path, { since: SINCE }, to.viewer)).status).toBe(403)
  expect((await deliveries.post(path, { since: SINCE }, stranger.admin)).status).toBe(404)
  expect((await replayEvents(to, { subscriptionId: stranger.subscription })).status).toBe(404)
  expect((await replayEvents(to, { applicationId: stranger.application })).status).toBe(404)
  ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:disable`))
  expect((await deliveries.post(path, { since: SINCE }, to.admin)).body.code).toBe("failed_precondition")
})
