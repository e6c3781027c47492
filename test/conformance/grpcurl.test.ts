import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { startStandalone } from "../e2e/installation.ts"
import { FIRST_RUN_MS, goTool, orSkip } from "./go-tools.ts"

const run = promisify(execFile)

test(
  "grpcurl, which knows nothing but what reflection tells, leads an application through its whole life",
  { timeout: FIRST_RUN_MS },
  async (context) => {
    const grpcurl = await orSkip("grpcurl cannot be built", goTool("grpcurl"), context)
    const installation = await startStandalone()
    const address = new URL(installation.grpcUrl).host
    const ask = async (...args: readonly string[]): Promise<string> => {
      const { stdout } = await run(grpcurl, ["-plaintext", "-max-time", "60", ...args])
      return stdout
    }
    const callerWith =
      (key: string) =>
      // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
      async (method: string, request: object = {}): Promise<any> =>
        JSON.parse(await ask("-H", `authorization: Bearer ${key}`, "-d", JSON.stringify(request), address, `posthorn.v1.${method}`))
    try {
      const services = (await ask(address, "list")).trim().split("\n")
      expect(services).toEqual(
        expect.arrayContaining(["grpc.health.v1.Health", "posthorn.v1.ApplicationService", "posthorn.v1.IngestService"]),
      )
      for (const service of services) expect(await ask(address, "describe", service)).toContain(`service ${service.split(".").at(-1)} {`)
      expect(JSON.parse(await ask(address, "grpc.health.v1.Health/Check"))).toEqual({ status: "SERVING" })

      const operator = callerWith(installation.adminKey)
      const created = await operator("ApplicationService/CreateApplication", {
        application: { name: "By reflection", payloadValidation: "PAYLOAD_VALIDATION_ENFORCE" },
      })
      const applicationId: string = created.application.id
      const { token } = await operator("KeyService/CreateKey", { applicationId, key: { name: "grpcurl", role: "ROLE_ADMIN" } })
      const admin = callerWith(token)
      const schema = { type: "object", required: ["orderId"] }
      const eventType = { name: "order.created", versions: [{ version: 1, schema, example: { orderId: "ORD-1" } }] }
      expect(await admin("EventTypeService/CreateEventType", { applicationId, eventType })).toMatchObject({ eventType })
      const { subscription } = await admin("SubscriptionService/CreateSubscription", {
        applicationId,
        subscription: { url: `${installation.httpUrl}/webhook`, eventTypes: ["order.*"], secret: "generate" },
      })
      expect(subscription.secret).toMatch(/^whsec_/)

      await expect(admin("IngestService/Publish", { type: "order.created", data: {} })).rejects.toThrow(/Code: InvalidArgument/)
      const published = await admin("IngestService/Publish", {
        type: "order.created",
        data: { orderId: "ORD-1" },
        metadata: { by: "grpcurl" },
      })
      const delivery = await eventually(
        async () => {
          const { deliveries } = await admin("DeliveryService/ListDeliveries", { eventId: published.id })
          expect(deliveries).toMatchObject([{ state: "DELIVERY_STATE_DELIVERED" }])
          return (await admin("DeliveryService/GetDelivery", { deliveryId: deliveries[0].id })).delivery
        },
        { timeoutMs: 60_000, intervalMs: 500, what: "the delivery" },
      )
      expect(delivery).toMatchObject({ subscriptionId: subscription.id, attempts: [{ outcome: "OUTCOME_DELIVERED", statusCode: 200 }] })

      const rotated = await admin("SubscriptionService/RotateSecret", { subscriptionId: subscription.id })
      expect(rotated.subscription.secret).toMatch(/^whsec_/)
      expect(rotated.subscription.secret).not.toBe(subscription.secret)
      expect(await admin("SubscriptionService/DeleteSubscription", { subscriptionId: subscription.id })).toEqual({})
      expect(await admin("EventTypeService/DeleteEventType", { applicationId, name: eventType.name })).toEqual({})
      expect(await operator("ApplicationService/DeleteApplication", { applicationId })).toEqual({})
      await expect(operator("ApplicationService/GetApplication", { applicationId })).rejects.toThrow(/Code: NotFound/)
    } finally {
      await installation.stop()
    }
  },
)
