import { toBinary } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { BreakerState, ControlRecordSchema, DeliveryState, EventAcceptedSchema } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok } from "./deliveries-under-test.ts"
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

test("a subscription is paused and resumed by itself, says so, and so do the deliveries that wait for it", async () => {
  const to = await deliveries.tenant()
  const waiting = await deliveries.sent(to)
  const ended = await deliveries.sent(to)
  await deliveries.attempted(ended, 1, DeliveryState.DELIVERED)
  await view()
  const act = async (verb: string) => ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:${verb}`, {}, to.admin))
  expect(await act("pause")).toMatchObject({ paused: true, enabled: true, etag: "2" })
  expect(await act("pause")).toMatchObject({ paused: true, etag: "2" })
  expect(ok(await ask(`PATCH /v1/subscriptions/${to.subscription}`, { body: { paused: false, description: "d" } }))).toMatchObject({
    paused: true,
  })
  const reasons = async () => [
    ok(await ask(`GET /v1/deliveries/${waiting.id}`)).reason,
    ok(await ask(`GET /v1/deliveries/${ended.id}`)).reason,
    ok(await ask(`GET /v1/events/${waiting.facts.eventId}`)).deliveries[0].reason,
    ...ok(await ask(`GET /v1/subscriptions/${to.subscription}/deliveries?state=scheduled`)).deliveries.map(
      (each: { reason: string }) => each.reason,
    ),
  ]
  const paused = "subscription_paused"
  expect((await reasons()).map((reason) => reason ?? "")).toEqual([paused, "", paused, paused])
  expect(await act("resume")).toMatchObject({ paused: false })
  expect((await reasons()).map((reason) => reason ?? "")).toEqual(["", "", "", ""])
  expect((await deliveries.post(`/v1/subscriptions/${to.subscription}:pause`, {}, to.viewer)).status).toBe(403)
})

test("how an endpoint does is shown with its subscription; an open breaker whose time has come is half open", async () => {
  const to = await deliveries.tenant()
  const delivery = await deliveries.sent(to)
  const health = { state: BreakerState.OPEN, reason: "answers 503", consecutiveFailures: 7, since: timestampFromMs(NOW_MS) }
  const shown = async () => [
    ok(await ask(`GET /v1/subscriptions/${to.subscription}`)).health,
    ok(await ask(`GET /v1/applications/${to.application}/subscriptions`)).subscriptions[0].health,
  ]
  expect(await shown()).toEqual([undefined, undefined])
  await deliveries.attempted(delivery, 1, DeliveryState.RETRYING, {
    health: { ...health, nextProbeAt: timestampFromMs(NOW_MS + 3_600_000) },
  })
  await view()
  for (const each of await shown()) expect(each).toMatchObject({ state: "open", reason: "answers 503", consecutiveFailures: 7 })
  await deliveries.attempted(delivery, 2, DeliveryState.RETRYING, { health: { ...health, nextProbeAt: timestampFromMs(NOW_MS - 1) } })
  await view()
  for (const each of await shown()) expect(each).toMatchObject({ state: "half-open" })
})

test("a retry that waits is wanted now: the try of its schedule, with the event as it was accepted", async () => {
  const to = await deliveries.tenant()
  const delivery = await deliveries.sent(to)
  await deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  await deliveries.attempted(delivery, 2, DeliveryState.RETRYING)
  await view()
  const answered = deliveries.post(`/v1/deliveries/${delivery.id}:retry`, {}, to.admin)
  const run = await eventually(
    async () =>
      (await deliveries.recordsOf("control", ControlRecordSchema))
        .map(({ record }) => record)
        .find(({ value }) => value !== undefined && "due" in value && value.due?.deliveryId === delivery.id) ?? false,
  )
  if (run.case !== "run") throw new Error("another record")
  const { due, dueAt, actor } = run.value
  expect(due).toMatchObject({ round: 1, attempt: 3, roundFirstAttempt: 1, configPosition: 0n, hastened: true, bulk: false })
  expect([timestampMs(due!.firstAttemptAt!), timestampMs(dueAt!)]).toEqual([NOW_MS + 1000, NOW_MS + 3_600_000])
  expect(actor?.id).toMatch(/^key_/)
  const accepted = await deliveries.eventOf(delivery.facts.eventId)
  expect(due?.event).toEqual(accepted)
  // The answer waits for what comes of it.
  await deliveries.attempted(delivery, 3, DeliveryState.DELIVERED)
  await view()
  expect(ok(await answered)).toMatchObject({ state: "delivered", attemptCount: 3 })
})

test("the view alone gives the same event once the log has let it go", async () => {
  const to = await deliveries.tenant()
  const delivery = await deliveries.sent(to)
  await view()
  const redelivery = await installation.store.getRedelivery("every application", delivery.id)
  const accepted = await deliveries.eventOf(delivery.facts.eventId)
  expect(toBinary(EventAcceptedSchema, redelivery!.event)).toEqual(toBinary(EventAcceptedSchema, accepted))
  expect(redelivery).toMatchObject({ roundFirst: undefined, delivery: { attemptCount: 0, round: 1 } })
})

test("a delivery that has ended begins a new round, its attempts go on counting, and its dead letter is no longer open", async () => {
  const to = await deliveries.tenant()
  const delivery = await deliveries.sent(to)
  await deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
  await deliveries.attempted(delivery, 2, DeliveryState.DEAD)
  await view()
  const list = async (state = "") =>
    ok(await ask(`GET /v1/dead-letters?subscriptionId=${to.subscription}${state}`, { key: to.viewer })).deadLetters
  expect(await list()).toMatchObject([{ deliveryId: delivery.id, state: "open", round: 1 }])
  const answered = deliveries.post(`/v1/deliveries/${delivery.id}:retry`, {}, to.admin)
  const [due] = await eventually(async () => {
    const dues = await deliveries.duesOf("deliveries", to)
    return dues.length > 0 && dues
  })
  expect(due).toMatchObject({ round: 2, attempt: 3, roundFirstAttempt: 3, hastened: true, bulk: false })
  expect(due?.firstAttemptAt).toBeUndefined()
  expect(due?.configPosition).toBeGreaterThan(0n)
  await eventually(async () => {
    await view()
    return (await list()).length === 0
  })
  expect(ok(await answered)).toMatchObject({ state: "scheduled", round: 2, attemptCount: 2 })
  const [letter] = await list("&state=redriven")
  expect(letter).toMatchObject({ deliveryId: delivery.id, state: "redriven" })
  expect(letter.taskId ?? "").toBe("")
})

test("what cannot be sent is not retried, what has ended is not cancelled, and foreign deliveries are not there", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const delivery = await deliveries.sent(to)
  await deliveries.attempted(delivery, 1, DeliveryState.DELIVERED)
  await view()
  for (const verb of ["retry", "cancel"]) {
    expect((await deliveries.post(`/v1/deliveries/${delivery.id}:${verb}`, {}, stranger.admin)).status).toBe(404)
    expect((await deliveries.post(`/v1/deliveries/${delivery.id}:${verb}`, {}, to.viewer)).status).toBe(403)
  }
  expect((await deliveries.post(`/v1/deliveries/${delivery.id}:cancel`)).body.code).toBe("failed_precondition")
  ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:disable`))
  expect((await deliveries.post(`/v1/deliveries/${delivery.id}:retry`)).body.code).toBe("failed_precondition")
})

test("cancelling answers what came of it: cancelled, an attempt under way, or nothing yet", async () => {
  const to = await deliveries.tenant()
  const [cancelled, tried, silent] = [await deliveries.sent(to), await deliveries.sent(to), await deliveries.sent(to)]
  await view()
  const wanted = (id: string) =>
    eventually(async () =>
      (await deliveries.recordsOf("control", ControlRecordSchema)).some(
        ({ record }) => record.case === "cancel" && record.value.delivery?.deliveryId === id,
      ),
    )
  const first = deliveries.post(`/v1/deliveries/${cancelled.id}:cancel`, { reason: "sent by mistake" })
  await wanted(cancelled.id)
  const settled = {
    round: 1,
    attemptCount: 0,
    state: DeliveryState.CANCELLED,
    reason: "sent by mistake",
    settledAt: timestampFromMs(NOW_MS),
  }
  await deliveries.outcome(cancelled, { case: "settled", value: { delivery: cancelled.facts, ...settled } })
  await view()
  expect(ok(await first)).toMatchObject({ state: "cancelled", reason: "sent by mistake" })
  const second = deliveries.post(`/v1/deliveries/${tried.id}:cancel`)
  await wanted(tried.id)
  await deliveries.attempted(tried, 1, DeliveryState.RETRYING)
  await view()
  expect((await second).body.code).toBe("aborted")
  expect(ok(await deliveries.post(`/v1/deliveries/${silent.id}:cancel`))).toMatchObject({ state: "scheduled" })
})
