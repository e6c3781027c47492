/** Every bound in Posthorn, with its unit and reason. Nothing that queues, caches, batches, reads or waits is without one. */
export * from "./limits/config.ts"
export * from "./limits/incoming.ts"
export * from "./limits/log.ts"
export * from "./limits/outgoing.ts"
export * from "./limits/views.ts"
