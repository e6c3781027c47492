import { createHmac } from "node:crypto"
import { answer, byPath, eventually, startReceiver, type ReceivedRequest, type Receiver } from "@posthorn/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { apiOf, type Api } from "./api.ts"
import type { Installation } from "./installation.ts"

const SECRET = "mysecretkey"
const hmac = (body: string): string => createHmac("sha256", SECRET).update(body).digest("hex")
const SETTLE = { timeoutMs: 60_000, intervalMs: 100 }

/** Clients of other services, as their documents have them call, with a real receiver behind. Runs against any installation. */
export function dialects(title: string, start: () => Promise<Installation>): void {
  describe(title, () => {
    let posthorn: Installation
    let receiver: Receiver
    let operator: Api
    let application: { readonly id: string }
    let admin: Api

    beforeAll(async () => {
      receiver = await startReceiver({
        behaviour: byPath({
          "/hub": answer(200),
          "/rest": answer(204),
          "/rest-failing": answer(500, { body: "no" }),
          "/classic": answer(200),
          "/manager": answer(200),
          "/manager-test": answer(200, { body: "pong" }),
          "/apps": answer(200),
        }),
      })
      posthorn = await start()
      operator = apiOf(posthorn, posthorn.adminKey)
      ;({ application, admin } = await tenant())
    })
    afterAll(async () => {
      await receiver?.stop()
      await posthorn?.stop()
    })

    /** An application with its administrator. */
    const tenant = async () => {
      const made = await operator.must<{ id: string }>("POST", "/v1/applications", { name: "dialects" })
      const key = await operator.must<{ token: string }>("POST", `/v1/applications/${made.id}/keys`, { name: "a", role: "admin" })
      return { application: made, admin: apiOf(posthorn, key.token) }
    }
    const received = async (path: string): Promise<ReceivedRequest> => {
      const requests = await receiver.waitFor((all) => all.some((request) => request.path === path), SETTLE.timeoutMs)
      return requests.find((request) => request.path === path)!
    }
    const sendSigned = (path: string, body: string, headers: Readonly<Record<string, string>>) =>
      apiOf(posthorn, "").call("POST", path, body, headers)

    test("hub: what GitHub would sign is relayed as the same bytes, signed, and its status tells of the attempt", async () => {
      const wanted = { url: `${receiver.url}/hub`, secret: SECRET, signatureStyle: "hub", source: { scheme: "hub", secret: SECRET } }
      const { id } = await operator.must<{ id: string }>("POST", `/v1/applications/${application.id}/subscriptions`, wanted)
      const body = '{ "zen" : "Keep it 1.00" }'
      const headers = { "x-webhook-event": "ping", "x-hub-signature-256": `sha256=${hmac(body)}` }
      const accepted = await sendSigned(`/compat/hub/api/webhooks/ingest/${id}`, body, headers)
      expect(accepted).toMatchObject({ status: 202, body: { status: "pending" } })
      const { webhook_id: webhook } = accepted.body as { webhook_id: string }
      const request = await received("/hub")
      expect(request.body.toString()).toBe(body)
      expect(request.headers).toMatchObject({ "webhook-id": webhook, "x-hub-signature-256": `sha256=${hmac(body)}` })
      await eventually(
        async () => {
          const status = await admin.must("GET", `/compat/hub/api/webhooks/${webhook}/status`)
          expect(status).toMatchObject({ status: "delivered", attempts: [{ attempt: 1, http_status: 200, error: null }] })
        },
        { ...SETTLE, what: "the attempt in the status" },
      )
    })

    test("rest: a task is delivered, signed, and one whose endpoint fails goes on being tried", async () => {
      const subscribe = (path: string) =>
        admin.must<{ id: string }>("POST", "/compat/rest/subscriptions", { target_url: receiver.url + path, secret: SECRET })
      const ingest = async (path: string) => {
        const { id } = await subscribe(path)
        return admin.must<{ delivery_task_id: string }>("POST", `/compat/rest/ingest/${id}`, { order: 1 })
      }
      const [task, failing] = [await ingest("/rest"), await ingest("/rest-failing")]
      const request = await received("/rest")
      expect(request.headers["x-webhook-signature"]).toBe(`sha256=${hmac(request.body.toString())}`)
      await eventually(
        async () => {
          const told = async ({ delivery_task_id: id }: { delivery_task_id: string }) => admin.must("GET", `/compat/rest/delivery/${id}`)
          expect(await told(task)).toMatchObject({ status: "delivered", attempts: [{ status: "success", status_code: 204 }] })
          expect(await told(failing)).toMatchObject({ status: "retrying", attempts: [{ status: "failed", status_code: 500 }] })
        },
        { ...SETTLE, what: "both tasks" },
      )
    })

    test("classic: an event that its sender signs is delivered, signed by the same secret, and its attempts are told", async () => {
      const wanted = { target_url: `${receiver.url}/classic`, event_type: "order_created", secret_key: SECRET }
      const { id } = await admin.must<{ id: string }>("POST", "/compat/classic/add_subscription", wanted)
      const body = '{"event": "order_created", "data": {"total": 1.50}}'
      const accepted = await sendSigned(`/compat/classic/ingest/${id}`, body, { "x-signature": hmac(body) })
      expect(accepted).toMatchObject({ status: 202, body: { message: "Request accepted for processing" } })
      const request = await received("/classic")
      expect([request.body.toString(), request.headers["x-signature"]]).toEqual([body, hmac(body)])
      const success = { attempt: 1, status: "success", http_code: 200, Error_details: null, timestamp: expect.any(String) }
      const told = await eventually(
        async () => {
          const attempts = await admin.must<{ event_id: string }[]>("GET", `/compat/classic/subscription_deliveries/${id}`)
          expect(attempts).toEqual([{ event_id: expect.stringMatching(/^evt_/), ...success }])
          return attempts
        },
        { ...SETTLE, what: "the attempt in the list" },
      )
      expect(await admin.must("GET", `/compat/classic/delivery_status/${told[0]?.event_id}`)).toEqual([success])
      expect(await admin.must("GET", `/v1/events/${told[0]?.event_id}`)).toMatchObject({ type: "order_created" })
    })

    test("manager: what is triggered arrives in its envelope, signed, a URL is tested, and both are among the statistics", async () => {
      const { admin: client } = await tenant()
      const wanted = { url: `${receiver.url}/manager`, events: ["order.*"], secret: SECRET, headers: { "X-API-Key": "key" } }
      const { id } = await client.must<{ id: string }>("POST", "/compat/manager/api/webhooks", wanted)
      const triggered = '{"event": "order.created", "data": { "total" : 99.90 }, "metadata": {"source": "api"}}'
      const event = await client.must<{ id: string }>("POST", "/compat/manager/api/events/trigger", triggered)
      const request = await received("/manager")
      const body = request.body.toString()
      expect(body).toContain(`{"id":"${event.id}","event":"order.created","timestamp":"`)
      expect(body).toContain('"data":{ "total" : 99.90 },"metadata":{"source":"api"}}')
      expect(request.headers).toMatchObject({ "x-webhook-signature": `sha256=${hmac(body)}`, "x-api-key": "key" })

      const tried = { url: `${receiver.url}/manager-test`, event: "test.ping", data: { test: true } }
      const told = await client.must<{ id: string }>("POST", "/compat/manager/api/webhooks/test", tried)
      expect(told).toMatchObject({ status: "success", response_code: 200, response_body: "pong", attempt_number: 1 })
      const sent = JSON.parse((await received("/manager-test")).body.toString())
      expect(sent).toMatchObject({ event: "test.ping", data: tried.data })
      expect(await client.must("GET", "/compat/manager/api/webhooks")).toMatchObject([{ id }])

      await eventually(
        async () => {
          const row = { webhook_id: id, payload_id: event.id, attempt_number: 1, status: "success", response_code: 200 }
          expect(await client.must("GET", "/compat/manager/api/deliveries")).toMatchObject([told, row])
          expect(await client.must("GET", "/compat/manager/api/stats")).toEqual({
            webhooks: { active: 1, total: 1 },
            deliveries_24h: { total: 2, successful: 2, failed: 0, avg_duration_ms: expect.any(Number) },
          })
        },
        { ...SETTLE, what: "both attempts in the views" },
      )
    })

    test("manager: the test of a URL that fails is cancelled with its subscription, and leaves no dead letter", async () => {
      const { admin: client } = await tenant()
      const tried = { url: `${receiver.url}/rest-failing`, event: "test.ping", data: { test: true } }
      const told = await client.must<{ payload_id: string }>("POST", "/compat/manager/api/webhooks/test", tried)
      expect(told).toMatchObject({ status: "failed", response_code: 500, response_body: "no", attempt_number: 1 })
      await eventually(
        async () => {
          const { deliveries } = await client.must<{ deliveries: unknown }>("GET", `/v1/events/${told.payload_id}`)
          expect(deliveries).toMatchObject([{ state: "cancelled", attemptCount: 1 }])
        },
        { ...SETTLE, what: "the end of the delivery" },
      )
      expect(await client.must("GET", "/v1/dead-letters")).toMatchObject({ deadLetters: [] })
    })

    test("apps: an event reaches the webhooks that are active, signed, and is in their logs as it was sent", async () => {
      const { admin: client, application: own } = await tenant()
      const base = `/compat/apps/applications/${own.id}`
      const wanted = { url: `${receiver.url}/apps`, method: "PUT", events: ["user.created"], secret: SECRET }
      const { id } = await client.must<{ id: string }>("POST", `${base}/webhooks`, wanted)
      const disabled = await client.must<{ id: string }>("POST", `${base}/webhooks`, { ...wanted, is_active: false })
      const event = await client.must<{ id: string }>("POST", `${base}/events`, '{"event":"user.created","data":{"n":1.0}}')
      const request = await received("/apps")
      const body = request.body.toString()
      expect([request.method, request.headers["x-signature"]]).toEqual(["PUT", hmac(body)])
      await eventually(
        async () => {
          const logs = await client.must<unknown[]>("GET", `${base}/webhooks/${id}/logs`)
          const log = { webhook: id, payload: JSON.parse(body), response_status: 200, attempt: 1, failed: false, response_body: "" }
          expect(logs).toMatchObject([{ ...log, headers: { "webhook-id": request.headers["webhook-id"] } }])
          expect(Object.keys(logs[0] as object)).toEqual([
            "id",
            "webhook",
            "payload",
            "headers",
            "response_status",
            "response_body",
            "attempt",
            "scheduled_at",
            "delivered_at",
            "failed",
          ])
        },
        { ...SETTLE, what: "the attempt in the logs" },
      )
      expect(await client.must("GET", `/v1/events/${event.id}`)).toMatchObject({
        deliveries: [{ subscriptionId: id }],
        unmatched: [{ subscriptionId: disabled.id, reason: "disabled" }],
      })
      expect(await client.must("GET", `${base}/webhooks/${disabled.id}/logs`)).toEqual([])
    })
  })
}
