import { createHmac } from "node:crypto"
import { create } from "@bufbuild/protobuf"
import { deliveryIdOf } from "@posthorn/core"
import { DeliveryFactsSchema, type EventAccepted, EventAcceptedSchema } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { expect } from "vitest"
import { deliveriesOf, ok, type Sent } from "../deliveries-under-test.ts"
import { startInstallation, type Asking } from "../gateway-under-test.ts"
import { keepProjecting } from "../projecting-under-test.ts"

/** HMAC-SHA256 of a body in hex. */
export const hmac = (secret: string, body: string): string => createHmac("sha256", secret).update(body).digest("hex")

/** A gateway with its views kept up to date, and what tests of dialects do with it again and again. */
export async function startForDialects() {
  const installation = await startInstallation()
  const gateway = await installation.gateway()
  const projecting = keepProjecting(installation.log, installation.store)
  const deliveries = deliveriesOf(installation, gateway)
  const routed = new Set<string>()
  const sentTo = async ({ eventId, applicationId, type: eventType, acceptedAt }: EventAccepted, subscription: string): Promise<Sent> => {
    const id = deliveryIdOf(eventId, subscription)
    const names = { deliveryId: id, applicationId, eventId, subscriptionId: subscription, eventType }
    const facts = create(DeliveryFactsSchema, { ...names, ...(acceptedAt === undefined ? {} : { createdAt: acceptedAt }) })
    await deliveries.outcome({ id, facts }, { case: "created", value: { delivery: facts, firstDueAt: acceptedAt } })
    return { id, facts }
  }
  return {
    installation,
    gateway,
    deliveries,
    /** A tenant, and the way to one dialect below `/compat` with its administrator's key. */
    async tenantOf(dialect: string) {
      const tenant = await deliveries.tenant()
      const ask = (route: string, asking: Asking = {}) =>
        gateway.ask(route.replace(" /", ` /compat/${dialect}/`), { key: tenant.admin, ...asking })
      return { ...tenant, ask }
    },
    /** The delivery of the one event that was taken in for a subscription since the last time, as the router would make it. */
    async routed(subscription: string): Promise<Sent> {
      const events = await deliveries.recordsOf("events", EventAcceptedSchema)
      const [event, ...others] = events.filter((each) => each.onlySubscriptionId === subscription && !routed.has(each.eventId))
      if (event === undefined || others.length > 0) throw new Error(`${others.length} more than one event for ${subscription}`)
      routed.add(event.eventId)
      return sentTo(event, subscription)
    },
    /** The delivery of a published event to one subscription, as the router would make it. */
    async fannedOut(eventId: string, subscription: string): Promise<Sent> {
      return sentTo(await deliveries.eventOf(eventId), subscription)
    },
    /** Resolves once the view shows the delivery in that state. */
    async shown(deliveryId: string, state: string): Promise<void> {
      await eventually(async () => expect(ok(await gateway.ask(`GET /v1/deliveries/${deliveryId}`)).state).toBe(state), {
        timeoutMs: 15_000,
        intervalMs: 30,
        what: `a delivery that is ${state}`,
      })
    },
    async stop() {
      await projecting.stop()
      await gateway.stop()
      await installation.stop()
    },
  }
}
