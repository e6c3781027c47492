import type { Dialect } from "../dialect.ts"
import { deliveryRoutes } from "./deliveries.ts"
import { eventRoutes } from "./events.ts"
import { testUrl } from "./test-url.ts"
import { webhookRoutes } from "./webhooks.ts"

/** Webhooks with retries and headers of their own, events for all of them, and how deliveries went. */
export const manager: Dialect = {
  name: "manager",
  routes: [
    { method: "GET", path: "/docs", answer: async () => ({ status: 307, headers: { location: "/docs" } }) },
    ...webhookRoutes,
    ...eventRoutes,
    ...deliveryRoutes,
    testUrl,
  ],
  fieldNames: {
    "subscription.url": "url",
    "subscription.event_types": "events",
    "subscription.secret": "secret",
    "subscription.retry_policy.retry_count": "retry_count",
    "subscription.retry_policy.retry_delay_seconds": "retry_delay",
    "subscription.headers": "headers",
    "subscription.metadata": "metadata",
    type: "event",
  },
}
