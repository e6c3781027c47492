import { Role } from "@posthorn/proto"
import type { Dialect } from "../dialect.ts"
import { publish } from "./events.ts"
import { logs } from "./logs.ts"
import { webhookRoutes } from "./webhooks.ts"

/** Webhooks, events and delivery logs of an application that the path names, for those who manage it. */
export const apps: Dialect = {
  name: "apps",
  routes: [...webhookRoutes, publish, logs],
  fieldNames: {
    "subscription.url": "url",
    "subscription.method": "method",
    "subscription.headers": "headers",
    "subscription.event_types": "events",
    "subscription.secret": "secret",
    type: "event",
    id: "request_id",
  },
  role: Role.ADMIN,
}
