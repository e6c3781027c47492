import type { Dialect } from "../dialect.ts"
import { deliveryRoutes } from "./deliveries.ts"
import { subscriptionRoutes } from "./subscriptions.ts"

/** Subscriptions as a REST resource, ingest by subscription, and tasks that tell how deliveries go. */
export const rest: Dialect = {
  name: "rest",
  routes: [
    { method: "GET", path: "/health", answer: (_request, calls) => calls.health() },
    { method: "GET", path: "/docs", answer: async () => ({ status: 307, headers: { location: "/docs" } }) },
    ...subscriptionRoutes,
    ...deliveryRoutes,
  ],
  fieldNames: {
    "subscription.url": "target_url",
    "subscription.event_types": "event_types",
    "subscription.secret": "secret",
  },
}
