import { isRefusal } from "@posthorn/core"
import { SubscriptionService, type Subscription } from "@posthorn/proto"
import type { DialectRoute } from "./dialect.ts"
import { everySubscription } from "./every-subscription.ts"

const { getSubscription, deleteSubscription } = SubscriptionService.method

/** Listing, reading and deleting subscriptions at a path, where a dialect has them as a resource: it differs in what it shows of one. */
export function resourceRoutes(path: string, shownOf: (subscription: Subscription | undefined) => unknown): readonly DialectRoute[] {
  const one = `${path}/{id}`
  return [
    {
      method: "GET",
      path,
      answer: async (_request, calls) => {
        const found = await everySubscription(calls)
        return isRefusal(found) ? found : { status: 200, body: found.map(shownOf) }
      },
    },
    {
      method: "GET",
      path: one,
      answer: async (request, calls) => {
        const found = await calls.rpc(getSubscription, () => ({ subscriptionId: request.variable("id") }))
        return isRefusal(found) ? found : { status: 200, body: shownOf(found.subscription) }
      },
    },
    {
      method: "DELETE",
      path: one,
      answer: async (request, calls) => {
        const deleted = await calls.rpc(deleteSubscription, () => ({ subscriptionId: request.variable("id") }))
        return isRefusal(deleted) ? deleted : { status: 204 }
      },
    },
  ]
}
