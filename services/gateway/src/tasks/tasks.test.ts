import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal } from "@posthorn/core"
import { DeadLetterReason, DeadLetterRecordSchema, DeliveryState, ListDeadLettersRequestSchema } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok, type Sent, type Tenant } from "../deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { keepProjecting, project } from "../projecting-under-test.ts"

const WAIT = { timeoutMs: 60_000 }

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
let deliveries: ReturnType<typeof deliveriesOf>
let projecting: ReturnType<typeof keepProjecting>
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
beforeEach(() => {
  projecting = keepProjecting(installation.log, installation.store)
})
afterEach(() => projecting.stop())

/** Deliveries that died by their second attempt, in the view. */
async function dead(to: Tenant, count: number): Promise<Sent[]> {
  const all: Sent[] = []
  for (let index = 0; index < count; index++) {
    const delivery = await deliveries.sent(to)
    await deliveries.attempted(delivery, 1, DeliveryState.RETRYING)
    await deliveries.attempted(delivery, 2, DeliveryState.DEAD)
    all.push(delivery)
  }
  await eventually(async () => (await letters(to)).length === count, WAIT)
  return all
}
const letters = async (to: Tenant, state = "open") =>
  ok(await ask(`GET /v1/dead-letters?subscriptionId=${to.subscription}&state=${state}&pageSize=200`)).deadLetters
const redrive = (to: Tenant, more: object = {}) => deliveries.post("/v1/dead-letters:redrive", { filter: {}, ...more }, to.admin)
const task = async (id: string) => ok(await ask(`GET /v1/tasks/${id}`))
const ended = (id: string, state = "done") =>
  eventually(async () => {
    const found = await task(id)
    return found.state === state && found
  }, WAIT)
const identities = (dues: readonly { deliveryId: string; round: number; attempt: number }[]) =>
  dues.map(({ deliveryId, round, attempt }) => `${deliveryId}/${round}/${attempt}`).toSorted()

test("a redrive counts first, then begins each delivery anew in the lower class, and says how far it is", async () => {
  const [to, other] = [await deliveries.tenant(), await deliveries.tenant()]
  const mine = await dead(to, 3)
  await dead(other, 1)
  expect(ok(await redrive(to, { dryRun: true }))).toEqual({ total: "3" })
  expect(ok(await redrive(to, { dryRun: true, filter: { deliveryId: mine[0]!.id } }))).toEqual({ total: "1" })
  expect(ok(await redrive(to, { dryRun: true, filter: { statusCode: 404 } })).total ?? "0").toBe("0")
  expect((await deliveries.duesOf("deliveries.bulk", to)).length).toBe(0)
  const { total, task: made } = ok(await redrive(to))
  expect([total, made.kind, made.state, made.total]).toEqual(["3", "redrive", "running", "3"])
  expect(await ended(made.id)).toMatchObject({ state: "done", done: "3", finishedAt: expect.any(String) })
  const dues = await deliveries.duesOf("deliveries.bulk", to)
  expect(identities(dues)).toEqual(mine.map(({ id }) => `${id}/2/3`).toSorted())
  for (const due of dues) expect(due).toMatchObject({ bulk: true, hastened: false, roundFirstAttempt: 3 })
  expect(dues[0]?.event).toEqual(await deliveries.eventOf(dues[0]!.event!.eventId))
  expect(await letters(to)).toEqual([])
  expect((await letters(to, "redriven")).map(({ taskId }: { taskId: string }) => taskId)).toEqual([made.id, made.id, made.id])
  expect(ok(await ask(`GET /v1/deliveries/${mine[0]!.id}`))).toMatchObject({ state: "scheduled", round: 2, attemptCount: 2 })
  expect(await letters(other)).toHaveLength(1)
})

test("one request id is one task, also when two gateways are asked at once, and not one for another filter", async () => {
  const to = await deliveries.tenant()
  const second = await installation.gateway()
  try {
    await eventually(async () => (await second.ask(`GET /v1/applications/${to.application}`)).status === 200, WAIT)
    const body = { filter: { type: "order.made" }, requestId: "r1" }
    const both = await Promise.all([redrive(to, body), second.ask("POST /v1/dead-letters:redrive", { key: to.admin, body })])
    const [first, same] = both.map((answer) => ok(answer).task.id)
    expect(same).toBe(first)
    expect(ok(await redrive(to, body)).task.id).toBe(first)
    expect(await redrive(to, { ...body, filter: {} })).toMatchObject({ status: 409, body: { code: "aborted" } })
    await ended(first)
    expect(ok(await redrive(to, body)).task).toMatchObject({ id: first, state: "done" })
  } finally {
    await second.stop()
  }
})

test("a discard takes dead letters off the list with its reason; what nobody could read stays", async () => {
  const to = await deliveries.tenant()
  const [delivery] = await dead(to, 1)
  const poison = { case: "poison", value: { topic: "events", offset: BigInt(NOW_MS) } } as const
  const letter = create(DeadLetterRecordSchema, { reason: DeadLetterReason.POISON, deadAt: timestampFromMs(NOW_MS), content: poison })
  await deliveries.append("dead-letters", "events", toBinary(DeadLetterRecordSchema, letter))
  const body = { filter: {}, reason: "the shop is closed" }
  const { task: made } = ok(await deliveries.post("/v1/dead-letters:discard", body, to.admin))
  await ended(made.id)
  expect(await letters(to)).toEqual([])
  const discarded = { deliveryId: delivery!.id, state: "discarded", discardReason: "the shop is closed", taskId: made.id }
  expect(await letters(to, "discarded")).toMatchObject([discarded])
  expect(ok(await ask(`GET /v1/deliveries/${delivery!.id}`)).state).toBe("dead")
  const open = await installation.store.listDeadLetters(
    "every application",
    create(ListDeadLettersRequestSchema, { reason: DeadLetterReason.POISON }),
  )
  expect(isRefusal(open) ? [] : open.deadLetters).toHaveLength(1)
  expect((await deliveries.post("/v1/dead-letters:discard", { filter: {} }, to.admin)).status).toBe(400)
})

test("a cancelled task does no more, and what it did stays done", { timeout: 60_000 }, async () => {
  const to = await deliveries.tenant()
  await dead(to, 8)
  const { task: made } = ok(await redrive(to, { ratePerSecond: 4 }))
  await eventually(async () => (await deliveries.duesOf("deliveries.bulk", to)).length > 0, WAIT)
  expect(ok(await deliveries.post(`/v1/tasks/${made.id}:cancel`, {}, to.admin))).toMatchObject({ state: "cancelled" })
  expect((await deliveries.post(`/v1/tasks/${made.id}:cancel`)).body.code).toBe("failed_precondition")
  // A second task takes what the first one left, and nothing of what it did: had the first gone on, some would be there twice.
  const { task: next } = ok(await redrive(to))
  await ended(next.id)
  const dues = await deliveries.duesOf("deliveries.bulk", to)
  expect(new Set(identities(dues)).size).toBe(8)
  const done = [await task(made.id), await task(next.id)].map((each) => Number(each.done))
  expect(done[0]).toBeGreaterThan(0)
  expect(done[0]! + done[1]!).toBe(8)
  const { tasks } = ok(await ask(`GET /v1/applications/${to.application}/tasks?pageSize=1`))
  expect(tasks.map(({ id }: { id: string }) => id)).toEqual([next.id])
})

test("a task goes on at another gateway, which does nothing again that the view has not seen yet", { timeout: 60_000 }, async () => {
  const to = await deliveries.tenant()
  const mine = await dead(to, 6)
  await projecting.stop()
  // It may have shown the last letter and not yet the attempt before it.
  await project(installation.log, installation.store)
  const first = await installation.gateway()
  await gateway.stop()
  const { task: made } = ok(await first.ask("POST /v1/dead-letters:redrive", { key: to.admin, body: { filter: {}, ratePerSecond: 4 } }))
  await eventually(async () => (await deliveries.duesOf("deliveries.bulk", to)).length > 0, WAIT)
  await first.stop()
  gateway = await installation.gateway()
  ask = gateway.ask
  deliveries = deliveriesOf(installation, gateway)
  expect((await task(made.id)).state).toBe("running")
  projecting = keepProjecting(installation.log, installation.store)
  await ended(made.id)
  expect(identities(await deliveries.duesOf("deliveries.bulk", to))).toEqual(mine.map(({ id }) => `${id}/2/3`).toSorted())
})

test("a task outlasts a store that is away", { timeout: 90_000 }, async () => {
  const to = await deliveries.tenant()
  const mine = await dead(to, 6)
  const { task: made } = ok(await redrive(to, { ratePerSecond: 4 }))
  await eventually(async () => (await deliveries.duesOf("deliveries.bulk", to)).length > 0, WAIT)
  await installation.server.stop()
  await installation.server.start()
  await ended(made.id)
  expect(identities(await deliveries.duesOf("deliveries.bulk", to))).toEqual(mine.map(({ id }) => `${id}/2/3`).toSorted())
})

test("dead letters of a subscription that is disabled stay open, and those that the log has let go end nothing", async () => {
  const [off, on] = [await deliveries.tenant(), await deliveries.tenant()]
  await dead(off, 2)
  ok(await deliveries.post(`/v1/subscriptions/${off.subscription}:disable`))
  expect(await ended(ok(await redrive(off)).task.id)).toMatchObject({ total: "2" })
  expect(await letters(off)).toHaveLength(2)
  await dead(on, 2)
  await project(installation.log, installation.store)
  for (const { partition, high } of await installation.log.ends("dead-letters"))
    await installation.log.trim("dead-letters", partition, high)
  await ended(ok(await redrive(on)).task.id)
  expect(await letters(on)).toHaveLength(2)
  expect(await deliveries.duesOf("deliveries.bulk", on)).toEqual([])
})

test("tasks are made by who manages the application and seen by nobody else", async () => {
  const [to, stranger] = [await deliveries.tenant(), await deliveries.tenant()]
  const { task: made } = ok(await redrive(to))
  expect((await deliveries.post("/v1/dead-letters:redrive", { filter: {} }, to.viewer)).status).toBe(403)
  expect((await deliveries.post("/v1/dead-letters:redrive", { filter: {} })).body).toMatchObject({ code: "invalid_argument" })
  expect((await redrive(to, { filter: { applicationId: stranger.application } })).status).toBe(404)
  expect(ok(await ask(`GET /v1/tasks/${made.id}`, { key: to.viewer })).applicationId).toBe(to.application)
  for (const route of [`GET /v1/tasks/${made.id}`, `GET /v1/applications/${to.application}/tasks`])
    expect((await ask(route, { key: stranger.admin })).status).toBe(404)
  expect((await deliveries.post(`/v1/tasks/${made.id}:cancel`, {}, stranger.admin)).status).toBe(404)
})
