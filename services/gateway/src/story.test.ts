import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { attemptIdOf, deliveryIdOf } from "@posthorn/core"
import { BreakerState, DeliveryState, ErrorClass, NextAttemptReason, Outcome } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok, type Sent, type Tenant } from "./deliveries-under-test.ts"
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

const view = () => project(installation.log, installation.store)
const read = async (id: string, key?: string) => ok(await ask(`GET /v1/deliveries/${id}`, key === undefined ? {} : { key }))
const storyOf = async ({ facts }: Sent) => ok(await ask(`GET /v1/events/${facts.eventId}`))

async function subscribe({ application }: Tenant, fields: object): Promise<string> {
  const wanted = { url: "https://example.com/", eventTypes: ["*"], ...fields }
  return ok(await deliveries.post(`/v1/applications/${application}/subscriptions`, wanted)).id
}

const change = async (id: string, fields: object) => ok(await ask(`PATCH /v1/subscriptions/${id}`, { body: fields }))

/** An attempt that failed so; `more` is of its record. */
async function failed(to: Sent, number: number, { statusCode, ...more }: { statusCode: number; [name: string]: unknown }): Promise<void> {
  const at = timestampFromMs(NOW_MS - 60_000 + number * 1000)
  const errorClass = statusCode === 0 ? ErrorClass.TIMEOUT : ErrorClass.STATUS
  const ended = { outcome: Outcome.FAILED, statusCode, errorClass, error: `answered ${statusCode}` }
  const sent = { request: { method: "POST", url: "https://example.com/", headers: { "x-own": "[hidden]" } } }
  const attempt = {
    id: attemptIdOf(to.id, number),
    number,
    ...ended,
    ...sent,
    scheduledAt: at,
    startedAt: at,
    finishedAt: at,
    phasesMs: { total: 5 },
  }
  const next = { state: DeliveryState.RETRYING, nextAttemptAt: timestampFromMs(NOW_MS + 3_600_000), retryNumber: number }
  const reason = { nextAttemptReason: NextAttemptReason.SCHEDULE }
  await deliveries.outcome(to, { case: "finished", value: { delivery: to.facts, round: 1, attempt, ...next, ...reason, ...more } })
}

test("an event tells why each subscription got it or not, as they were when it was routed, whatever became of them since", async () => {
  const to = await deliveries.tenant()
  const [other, off, filtered, changed, gone] = [
    await subscribe(to, { eventTypes: ["user.*"] }),
    await subscribe(to, { enabled: false }),
    await subscribe(to, { filter: { data: { amount: { $gte: 100 } } } }),
    await subscribe(to, { eventTypes: ["user.*"], url: "https://example.com/before" }),
    await subscribe(to, { eventTypes: ["user.*"], url: "https://gone.example.com/" }),
  ]
  const event = await deliveries.sent(to)
  await view()
  const reasons = async () =>
    Object.fromEntries(
      (await storyOf(event)).unmatched.map((each: { subscriptionId: string; reason: string; settings: string }) => [
        each.subscriptionId,
        [each.reason, each.settings],
      ]),
    )
  const then = {
    [other]: ["event_type", "then"],
    [off]: ["disabled", "then"],
    [filtered]: ["filter", "then"],
    [changed]: ["event_type", "then"],
    [gone]: ["event_type", "then"],
  }
  expect(await reasons()).toEqual(then)
  // By their settings of today nearly all of them would take it, or be no more.
  await change(other, { eventTypes: ["*"] })
  ok(await deliveries.post(`/v1/subscriptions/${off}:enable`))
  await change(filtered, { filter: {} })
  await change(changed, { eventTypes: ["*"], url: "https://example.com/after" })
  await change(changed, { enabled: false })
  ok(await ask(`DELETE /v1/subscriptions/${gone}`))
  const late = await subscribe(to, {})
  await view()
  expect(await reasons()).toEqual({ ...then, [late]: ["created_later", "then"] })
  const { unmatched, moreUnmatched, deliveries: sent } = await storyOf(event)
  expect(moreUnmatched ?? false).toBe(false)
  expect(sent).toMatchObject([{ id: event.id, state: "scheduled", subscriptionId: to.subscription }])
  const named = unmatched.find(({ subscriptionId }: { subscriptionId: string }) => subscriptionId === gone)
  expect(named).toMatchObject({ url: "https://gone.example.com/", deletedAt: expect.stringMatching(/^20/) })
})

test("what became of a subscription that the view has not seen yet changes nothing about what it was", async () => {
  const to = await deliveries.tenant()
  const other = await subscribe(to, { eventTypes: ["user.*"] })
  await view()
  const event = await deliveries.sent(to)
  await view()
  await change(other, { enabled: false })
  expect((await storyOf(event)).unmatched).toMatchObject([{ subscriptionId: other, reason: "event_type", settings: "then" }])
})

test("a story has the last attempts of each delivery, and when the next one is due and why", async () => {
  const to = await deliveries.tenant()
  const event = await deliveries.sent(to)
  for (let number = 1; number <= 7; number++) await failed(event, number, { statusCode: 503 })
  await view()
  const [told] = (await storyOf(event)).deliveries
  expect(told).toMatchObject({ attemptCount: 7, lastErrorClass: "status" })
  expect(told.attempts.map(({ number }: { number: number }) => number)).toEqual([3, 4, 5, 6, 7])
  expect(told.attempts.at(-1)).toMatchObject({ request: { headers: { "x-own": "[hidden]" } }, phasesMs: { total: 5 } })
  expect(told.nextAttempt).toMatchObject({ reason: "schedule", retryNumber: 7, at: told.nextAttemptAt })
  expect(told.nextAttempt.text).toContain("Retry 7")
  expect((await read(event.id)).attempts).toHaveLength(7)
  const [listed] = ok(await ask(`GET /v1/deliveries?search=${event.id}`)).deliveries
  expect([listed.id, listed.nextAttempt, listed.attempts]).toEqual([event.id, undefined, undefined])
})

test("why a delivery waits is said: Retry-After, a throttle, an open breaker, a pause, somebody's wish", async () => {
  const to = await deliveries.tenant()
  const event = await deliveries.sent(to)
  const reason = async () => (await read(event.id)).nextAttempt
  await view()
  expect(await reason()).toMatchObject({ reason: "first" })
  await failed(event, 1, { statusCode: 429, nextAttemptReason: NextAttemptReason.RETRY_AFTER })
  await view()
  expect(await reason()).toMatchObject({ reason: "retry-after", text: expect.stringContaining("answered 429") })
  const until = timestampFromMs(NOW_MS + 7_200_000)
  await failed(event, 2, { statusCode: 429, health: { state: BreakerState.CLOSED, reason: "answered 429", throttledUntil: until } })
  await view()
  expect(await reason()).toMatchObject({ reason: "throttled", at: new Date(NOW_MS + 7_200_000).toISOString() })
  expect(ok(await ask(`GET /v1/subscriptions/${to.subscription}`)).health.throttledUntil).toBe(new Date(NOW_MS + 7_200_000).toISOString())
  const health = { state: BreakerState.OPEN, reason: "answered 500", consecutiveFailures: 12, nextProbeAt: until }
  await failed(event, 3, { statusCode: 500, health })
  await view()
  expect(await reason()).toMatchObject({ reason: "breaker-open", at: new Date(NOW_MS + 7_200_000).toISOString() })
  ok(await deliveries.post(`/v1/deliveries/${event.id}:retry`))
  await eventually(async () => {
    await view()
    expect(await reason()).toMatchObject({ reason: "hastened" })
  })
  ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:pause`))
  const paused = await reason()
  expect([paused.reason, paused.at]).toEqual(["paused", undefined])
  ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:disable`))
  expect(await reason()).toBeUndefined()
})

test("a dead or cancelled delivery says why, and what can be done about it", async () => {
  const to = await deliveries.tenant()
  const [dead, cancelled] = [await deliveries.sent(to), await deliveries.sent(to)]
  await deliveries.attempted(dead, 1, DeliveryState.DEAD, { reason: "retries_exhausted" })
  const settled = {
    round: 1,
    attemptCount: 0,
    state: DeliveryState.CANCELLED,
    reason: "sent by mistake",
    settledAt: timestampFromMs(NOW_MS),
  }
  await deliveries.outcome(cancelled, { case: "settled", value: { delivery: cancelled.facts, ...settled } })
  await view()
  const { ending } = await read(dead.id, to.viewer)
  expect(ending).toMatchObject({ deadLetterState: "open", deadLetterPosition: expect.stringMatching(/^dead-letters\//) })
  expect(Date.parse(ending.redriveUntil)).toBeGreaterThan(NOW_MS + 29 * 86_400_000)
  expect(ending.text).toContain("redrive its dead letter until")
  expect((await read(cancelled.id)).ending.text).toBe("Somebody cancelled it: sent by mistake. Retry it to begin a new round.")
  ok(await ask(`DELETE /v1/subscriptions/${to.subscription}`))
  expect((await storyOf(dead)).deliveries[0].ending.text).toContain("The subscription is gone")
})

test("deliveries are found by what their sender called the event, by error class, and counted by state", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const key = "order 4711"
  const body = { applicationId: to.application, type: "order.made", data: 1, idempotencyKey: key }
  const { id } = ok(await deliveries.post("/v1/events", body))
  const sent = await deliveries.sent(to)
  await failed(sent, 1, { statusCode: 0 })
  const { createdAt, ...facts } = sent.facts
  const named = {
    id: deliveryIdOf(id, to.subscription),
    facts: { ...sent.facts, eventId: id, deliveryId: deliveryIdOf(id, to.subscription) },
  }
  await deliveries.outcome(named, { case: "created", value: { delivery: { ...facts, ...named.facts }, firstDueAt: createdAt } })
  await view()
  const found = async (query: string, as = to.viewer) =>
    ok(await ask(`GET /v1/deliveries?${query}`, { key: as })).deliveries.map((each: { id: string }) => each.id)
  const search = `search=${encodeURIComponent(key)}`
  expect(await found(search)).toEqual([named.id])
  expect(await found(`search=${id}`)).toEqual([named.id])
  expect(await found(`search=${sent.id}`)).toEqual([sent.id])
  expect(await found(search, stranger.viewer)).toEqual([])
  expect(await found("errorClass=timeout")).toEqual([sent.id])
  expect(await found("errorClass=dns")).toEqual([])
  for (const asked of [search, `search=${named.id}`, `search=${id}`])
    expect(ok(await ask(`GET /v1/events?${asked}`, { key: to.viewer })).events).toMatchObject([{ id }])
  const counts = async (query: string) =>
    Object.fromEntries(
      ok(await ask(`GET /v1/deliveries:count?${query}`, { key: to.viewer })).counts.map((each: { state: string; count?: number }) => [
        each.state,
        each.count ?? 0,
      ]),
    )
  const none = { scheduled: 0, retrying: 0, delivered: 0, dead: 0, cancelled: 0 }
  expect(await counts("")).toEqual({ ...none, scheduled: 1, retrying: 1 })
  expect(await counts("errorClass=timeout")).toEqual({ ...none, retrying: 1 })
  expect((await ask(`GET /v1/deliveries:count?subscriptionId=${stranger.subscription}`, { key: to.viewer })).status).toBe(404)
  const subscriptions = async (text: string) =>
    ok(await ask(`GET /v1/applications/${to.application}/subscriptions?search=${text}`)).subscriptions ?? []
  expect(await subscriptions(to.subscription)).toHaveLength(1)
  expect(await subscriptions("nothing")).toHaveLength(0)
})

test("a filter that is none is refused, and one that is hostile finds nothing", async () => {
  const to = await deliveries.tenant()
  for (const path of ["/v1/deliveries", "/v1/deliveries:count", "/v1/dead-letters", "/v1/events"]) {
    const asked = async (query: string) => (await ask(`GET ${path}?${query}`, { key: to.viewer })).status
    for (const text of ["'%20or%201=1--", "%25", "%00", "dlv_%27", "%F0%9F%A6%84"])
      expect(await asked(`search=${text}`), `${path} ${text}`).toBe(200)
    expect(await asked(`search=${"x".repeat(301)}`), path).toBe(400)
    expect(await asked("orderBy=state%3Bdrop")).toBe(400)
    if (path !== "/v1/events") expect(await asked("errorClass=99")).toBe(400)
  }
})

test("events that came in for a subscription, tasks of a kind, and what one request did are found as such", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const [ingesting, other] = [await subscribe(to, {}), await subscribe(to, {})]
  await deliveries.sent(to)
  const { eventId } = ok(await deliveries.post(`/v1/ingest/${ingesting}`, { a: 1 }, to.admin))
  const dead = await deliveries.sent(to)
  await deliveries.attempted(dead, 1, DeliveryState.DEAD)
  await view()
  const events = async (id: string) => ask(`GET /v1/events?subscriptionId=${id}`, { key: to.viewer })
  expect(ok(await events(ingesting)).events).toMatchObject([{ id: eventId, onlySubscriptionId: ingesting }])
  expect(ok(await events(other)).events ?? []).toEqual([])
  expect((await events(stranger.subscription)).status).toBe(404)
  const filter = { applicationId: to.application }
  const { task } = ok(await deliveries.post("/v1/dead-letters:discard", { filter, reason: "seen" }))
  const tasks = async (query: string) =>
    (ok(await ask(`GET /v1/applications/${to.application}/tasks?${query}`)).tasks ?? []).map(({ id }: { id: string }) => id)
  expect(await tasks("kind=discard")).toEqual([task.id])
  expect(await tasks("kind=redrive")).toEqual([])
  expect(await tasks("state=cancelled")).toEqual([])
  expect(await tasks(`since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([])
  const requestId = "request-of-this-test"
  ok(await ask(`PATCH /v1/subscriptions/${other}`, { body: { description: "d" }, headers: { "x-request-id": requestId } }))
  await view()
  const { entries } = ok(await ask(`GET /v1/audit-log?requestId=${requestId}`, { key: to.admin }))
  expect(entries).toMatchObject([{ entityId: other, action: "updated", requestId }])
})
