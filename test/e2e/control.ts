import { deliveryIdOf } from "@posthorn/core"
import { answer, byPath, eventually, startReceiver, type Receiver } from "@posthorn/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { apiOf, type Api } from "./api.ts"
import type { Installation } from "./installation.ts"

interface Delivery {
  readonly id: string
  readonly state: string
  readonly round: number
  readonly reason?: string
  readonly attempts: readonly { readonly number: number; readonly statusCode: number }[]
}

const WAIT = { timeoutMs: 60_000, intervalMs: 100 }

/** Pausing, redriving, cancelling and retrying, as people do it through REST. Runs against any installation. */
export function control(title: string, start: () => Promise<Installation>): void {
  describe(title, () => {
    let posthorn: Installation
    let receiver: Receiver
    let operator: Api
    let application: { readonly id: string }
    /** Paths that answer 503 until they are taken out. */
    const failing = new Set<string>()

    beforeAll(async () => {
      const sometimes = (path: string) => () => (failing.has(path) ? answer(503) : answer(200))
      const paths = ["/paused", "/other", "/dead", "/cancelled", "/hastened"]
      receiver = await startReceiver({ behaviour: byPath(Object.fromEntries(paths.map((path) => [path, sometimes(path)]))) })
      posthorn = await start()
      operator = apiOf(posthorn, posthorn.adminKey)
      application = await operator.must("POST", "/v1/applications", { name: "control" })
    })
    afterAll(async () => {
      await receiver?.stop()
      await posthorn?.stop()
    })

    /** A subscription to that path, for the event type of that name. */
    async function subscribe(path: string, more: object = {}): Promise<string> {
      const body = { url: `${receiver.url}/${path}`, eventTypes: [path], ...more }
      return (await operator.must<{ id: string }>("POST", `/v1/applications/${application.id}/subscriptions`, body)).id
    }
    /** Publishes, and answers the delivery's id. */
    async function publish(type: string, subscription: string): Promise<string> {
      const { id } = await operator.must<{ id: string }>("POST", "/v1/events", { applicationId: application.id, type, data: { n: 1 } })
      return deliveryIdOf(id, subscription)
    }
    const read = (id: string) => operator.must<Delivery>("GET", `/v1/deliveries/${id}`)
    const reaches = (id: string, state: string) =>
      eventually(
        async () => {
          const delivery = await read(id)
          expect(delivery.state).toBe(state)
          return delivery
        },
        { ...WAIT, what: `a delivery that is ${state}` },
      )
    /** What has arrived at a path: whose delivery, and which attempt of it. */
    const arrived = (path: string) =>
      receiver.requests
        .filter((request) => request.path === `/${path}`)
        .map(({ headers }) => [headers["webhook-id"], headers["posthorn-attempt"]] as const)

    test("a paused subscription gets nothing, and what it missed when it is resumed", async () => {
      const [paused, other] = [await subscribe("paused"), await subscribe("other")]
      await operator.must("POST", `/v1/subscriptions/${paused}:pause`, {})
      const waiting = [await publish("paused", paused), await publish("paused", paused)]
      // Others pass by, one after the other, for as long as what is held back would have taken.
      for (let index = 0; index < 5; index++) await reaches(await publish("other", other), "delivered")
      expect(arrived("paused")).toEqual([])
      for (const id of waiting) expect(await read(id)).toMatchObject({ state: "scheduled", reason: "subscription_paused" })
      await operator.must("POST", `/v1/subscriptions/${paused}:resume`, {})
      for (const id of waiting) await reaches(id, "delivered")
      expect(new Map(arrived("paused"))).toEqual(new Map(waiting.map((id) => [id, "1"])))
      expect(arrived("paused")).toHaveLength(2)
    })

    test("a dead letter is counted, redriven and delivered: the same webhook-id, and attempts that go on counting", async () => {
      failing.add("/dead")
      const subscription = await subscribe("dead", { retryPolicy: { delaysSeconds: [1] } })
      const id = await publish("dead", subscription)
      await reaches(id, "dead")
      const filter = { applicationId: application.id, subscriptionId: subscription }
      const redrive = (more: object) =>
        operator.must<{ total?: string; task?: { id: string } }>("POST", "/v1/dead-letters:redrive", { filter, ...more })
      await eventually(async () => expect(await redrive({ dryRun: true })).toEqual({ total: "1" }), WAIT)
      failing.delete("/dead")
      const { task } = await redrive({ requestId: "again" })
      const delivered = await reaches(id, "delivered")
      expect(delivered.round).toBe(2)
      expect(delivered.attempts.map(({ number, statusCode }) => [number, statusCode])).toEqual([
        [1, 503],
        [2, 503],
        [3, 200],
      ])
      expect(arrived("dead")).toEqual([1, 2, 3].map((number) => [id, String(number)]))
      await eventually(
        async () => expect(await operator.must("GET", `/v1/tasks/${task?.id}`)).toMatchObject({ state: "done", total: "1", done: "1" }),
        WAIT,
      )
      const { deadLetters } = await operator.must<{ deadLetters: unknown[] }>("GET", `/v1/dead-letters?subscriptionId=${subscription}`)
      expect(deadLetters).toEqual([])
    })

    test("a retry that waits can be cancelled", async () => {
      failing.add("/cancelled")
      const subscription = await subscribe("cancelled", { retryPolicy: { delaysSeconds: [3600] } })
      const id = await publish("cancelled", subscription)
      await reaches(id, "retrying")
      expect(await operator.must("POST", `/v1/deliveries/${id}:cancel`, { reason: "sent by mistake" })).toMatchObject({
        state: "cancelled",
        reason: "sent by mistake",
      })
      expect((await operator.call("POST", `/v1/deliveries/${id}:cancel`, {})).body).toMatchObject({ code: "failed_precondition" })
      expect(arrived("cancelled")).toEqual([[id, "1"]])
    })

    test("a retry that waits is made now on demand, and a delivery that has ended is sent again", async () => {
      failing.add("/hastened")
      const subscription = await subscribe("hastened", { retryPolicy: { delaysSeconds: [3600, 3600] } })
      const id = await publish("hastened", subscription)
      await reaches(id, "retrying")
      failing.delete("/hastened")
      await operator.must("POST", `/v1/deliveries/${id}:retry`, {})
      expect((await reaches(id, "delivered")).round).toBe(1)
      await operator.must("POST", `/v1/deliveries/${id}:retry`, {})
      await eventually(async () => expect(await read(id)).toMatchObject({ state: "delivered", round: 2 }), WAIT)
      expect(arrived("hastened")).toEqual([1, 2, 3].map((number) => [id, String(number)]))
    })
  })
}
