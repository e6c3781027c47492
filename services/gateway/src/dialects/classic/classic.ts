import type { Dialect } from "../dialect.ts"
import { deliveryRoutes } from "./deliveries.ts"
import { subscriptionRoutes } from "./subscriptions.ts"

/** Verbs in the paths, one event type and one secret a subscription, and the spellings of old. */
export const classic: Dialect = {
  name: "classic",
  routes: [
    ...subscriptionRoutes,
    ...deliveryRoutes,
    { method: "POST", path: "/webhook", answer: async () => ({ status: 200, body: { messgae: "Post reached to target url" } }) },
  ],
  fieldNames: {
    "subscription.url": "target_url",
    "subscription.event_types": "event_type",
    "subscription.secret": "secret_key",
    "subscription.source.secret": "secret_key",
    "subscription.source.default_event_type": "event_type",
    type: "event",
  },
}
