import { deliveryIdOf } from "@posthorn/core"
import { eventually, startReceiver, type Receiver } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { apiOf, type Api } from "./api.ts"
import { startStandalone, type Installation } from "./installation.ts"

const WAIT = { timeoutMs: 60_000, intervalMs: 100 }
const DAY_MS = 24 * 3600 * 1000

let posthorn: Installation
let receiver: Receiver
let operator: Api
let application: { readonly id: string }
beforeAll(async () => {
  receiver = await startReceiver()
  posthorn = await startStandalone()
  operator = apiOf(posthorn, posthorn.adminKey)
  application = await operator.must("POST", "/v1/applications", { name: "schedules" })
})
afterAll(async () => {
  await receiver?.stop()
  await posthorn?.stop()
})

/** A subscription to the event type of that name. */
async function subscribe(type: string): Promise<string> {
  const body = { url: `${receiver.url}/${type}`, eventTypes: [type] }
  return (await operator.must<{ id: string }>("POST", `/v1/applications/${application.id}/subscriptions`, body)).id
}

async function publish(type: string, deliverAtMs: number): Promise<string> {
  const deliverAt = new Date(deliverAtMs).toISOString()
  return (await operator.must<{ id: string }>("POST", "/v1/events", { applicationId: application.id, type, data: 1, deliverAt })).id
}

const reaches = (deliveryId: string, state: string, reason?: string) =>
  eventually(
    async () => {
      const delivery = await operator.must("GET", `/v1/deliveries/${deliveryId}`)
      expect(delivery).toMatchObject({ state, ...(reason === undefined ? {} : { reason }) })
    },
    { ...WAIT, what: `a delivery that is ${state}` },
  )

const arrivals = (type: string) => receiver.requests.filter(({ path }) => path === `/${type}`)

test("a scheduled event arrives, once and not before its time", async () => {
  await subscribe("punctual")
  const deliverAtMs = Date.now() + 4000
  await publish("punctual", deliverAtMs)
  await eventually(() => arrivals("punctual").length > 0, WAIT)
  expect(arrivals("punctual").map(({ receivedAtMs }) => receivedAtMs >= deliverAtMs)).toEqual([true])
})

test("a scheduled delivery is cancelled by itself, with its event, and with its subscription", async () => {
  const subscriptions = [await subscribe("later"), await subscribe("later"), await subscribe("later"), await subscribe("later")]
  const [one, disabled, deleted, rest] = subscriptions as [string, string, string, string]
  const eventId = await publish("later", Date.now() + DAY_MS)
  const deliveries = Object.fromEntries(subscriptions.map((id) => [id, deliveryIdOf(eventId, id)]))
  for (const id of Object.values(deliveries)) await reaches(id, "scheduled")

  await operator.must("POST", `/v1/deliveries/${deliveries[one]}:cancel`, { reason: "one alone" })
  await reaches(deliveries[one] ?? "", "cancelled", "one alone")
  await operator.must("POST", `/v1/subscriptions/${disabled}:disable`, {})
  await reaches(deliveries[disabled] ?? "", "cancelled")
  await operator.must("DELETE", `/v1/subscriptions/${deleted}`)
  await reaches(deliveries[deleted] ?? "", "cancelled")
  await reaches(deliveries[rest] ?? "", "scheduled")

  expect(await operator.must("POST", `/v1/events/${eventId}:cancel`, { reason: "all of it" })).toEqual({ requestedCount: 1, more: false })
  await reaches(deliveries[rest] ?? "", "cancelled", "all of it")
  expect(arrivals("later")).toEqual([])
})
