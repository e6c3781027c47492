import { deliveryIdOf } from "@posthorn/core"
import { answer, byPath, eventually, startReceiver, type Receiver } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { apiOf, type Api } from "./api.ts"
import { startStandalone, type Installation } from "./installation.ts"

const WAIT = { timeoutMs: 60_000, intervalMs: 100 }

let posthorn: Installation
let receiver: Receiver
let operator: Api
let application: string

beforeAll(async () => {
  receiver = await startReceiver({
    behaviour: byPath({ "/first": () => answer(200), "/lost": () => answer(200), "/late": () => answer(200) }),
  })
  posthorn = await startStandalone()
  operator = apiOf(posthorn, posthorn.adminKey)
  application = (await operator.must<{ id: string }>("POST", "/v1/applications", { name: "replay" })).id
})
afterAll(async () => {
  await receiver?.stop()
  await posthorn?.stop()
})

async function subscribe(path: string, type: string): Promise<string> {
  const body = { url: `${receiver.url}/${path}`, eventTypes: [type] }
  return (await operator.must<{ id: string }>("POST", `/v1/applications/${application}/subscriptions`, body)).id
}
const publish = async (type: string, n: number) =>
  (await operator.must<{ id: string }>("POST", "/v1/events", { applicationId: application, type, data: { n } })).id
const arrived = (path: string) => receiver.requests.filter((request) => request.path === `/${path}`)
const reaches = (id: string, wanted: object) =>
  eventually(async () => expect(await operator.must("GET", `/v1/deliveries/${id}`)).toMatchObject(wanted), WAIT)
const done = (id: string, wanted: object) =>
  eventually(async () => expect(await operator.must("GET", `/v1/tasks/${id}`)).toMatchObject({ state: "done", ...wanted }), WAIT)

test("what was delivered is sent again: the same webhook-id and the same bytes, as its next attempt", async () => {
  const subscription = await subscribe("first", "first")
  const event = await publish("first", 1)
  const id = deliveryIdOf(event, subscription)
  await reaches(id, { state: "delivered", round: 1 })
  // The view may come to the event after its delivery.
  await eventually(() => operator.must("GET", `/v1/events/${event}`), WAIT)
  const { deliveries } = await operator.must<{ deliveries: object[] }>("POST", `/v1/events/${event}:replay`, {})
  expect(deliveries).toEqual([{ subscriptionId: subscription, deliveryId: id, result: "new-round", round: 2 }])
  await reaches(id, { state: "delivered", round: 2, attemptCount: 2 })
  expect(arrived("first").map(({ headers }) => [headers["webhook-id"], headers["posthorn-attempt"]])).toEqual([
    [id, "1"],
    [id, "2"],
  ])
  const [one, two] = arrived("first").map(({ body }) => Buffer.from(body).toString())
  expect(two).toBe(one)
})

test("a subscription gets what was published while it was disabled, and one that was created later what it never had; each once", async () => {
  const lost = await subscribe("lost", "lost")
  const got = await publish("lost", 0)
  await reaches(deliveryIdOf(got, lost), { state: "delivered" })
  await operator.must("POST", `/v1/subscriptions/${lost}:disable`, {})
  const missed = await Promise.all([1, 2, 3, 4, 5].map((n) => publish("lost", n)))
  await operator.must("POST", `/v1/subscriptions/${lost}:enable`, {})
  const late = await subscribe("late", "lost")
  const since = new Date(Date.now() - 60_000).toISOString()
  const replay = (id: string) => operator.must<{ task: { id: string } }>("POST", `/v1/subscriptions/${id}:replay`, { since })
  await done((await replay(lost)).task.id, { begun: "5" })
  await done((await replay(late)).task.id, { begun: "6" })
  const ids = (path: string) =>
    arrived(path)
      .map(({ headers }) => String(headers["webhook-id"]))
      .toSorted()
  await eventually(() => expect([ids("lost").length, ids("late").length]).toEqual([6, 6]), WAIT)
  expect(ids("lost")).toEqual([got, ...missed].map((event) => deliveryIdOf(event, lost)).toSorted())
  expect(ids("late")).toEqual([got, ...missed].map((event) => deliveryIdOf(event, late)).toSorted())
  // Everything has been delivered by now: there is nothing left to replay.
  for (const event of missed) await reaches(deliveryIdOf(event, lost), { state: "delivered", round: 1, attemptCount: 1 })
  await done((await replay(lost)).task.id, { total: "0" })
})
