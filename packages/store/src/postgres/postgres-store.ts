import { limits } from "@posthorn/core"
import type { StatusStore } from "../status-store.ts"
import { createClaims } from "./claims.ts"
import { createConservationBooks } from "./conservation-books.ts"
import { countStates } from "./count-states.ts"
import { Database } from "./database.ts"
import { Days } from "./days.ts"
import { createDeadLetterQueue } from "./dead-letter-queue.ts"
import { exclusively } from "./exclusively.ts"
import { createKeyUses } from "./key-uses.ts"
import { createProjection } from "./projection.ts"
import { listAuditLog } from "./read-audit.ts"
import { createConservationReader } from "./read-conservation.ts"
import { countDeliveries, countSubscriptions } from "./read-counts.ts"
import { listDeadLetters } from "./read-dead-letters.ts"
import { deliveriesOfEvent, getDelivery, listDeliveries } from "./read-deliveries.ts"
import { getEvent, getPayload, listEvents } from "./read-events.ts"
import { healthOf } from "./read-health.ts"
import { historyOf } from "./read-history.ts"
import { getRedelivery } from "./read-redelivery.ts"
import { fatesOf, lastAttemptsOf } from "./read-stories.ts"
import { createReplayReader } from "./read-replay.ts"
import { createKeeper } from "./retain.ts"

export interface PostgresStoreOptions {
  /** `postgres://…`; the role has to be allowed to create the schema `posthorn` unless it is there. */
  readonly url: string
  /** Default `STORE_CONNECTIONS_MAX`. */
  readonly connections?: number
}

/** The status store in Postgres 15 or later. Connects when it is first used and whenever it has to: a database that is away fails calls, not this. */
export function createPostgresStore({ url, connections = limits.STORE_CONNECTIONS_MAX }: PostgresStoreOptions): StatusStore {
  const database = new Database({ url, connections })
  const days = new Days(database)
  return {
    ...createProjection(database, days),
    ...createClaims(database),
    ...createKeeper(database, days),
    ...createDeadLetterQueue(database),
    ...createKeyUses(database),
    ...createConservationBooks(database),
    ...createConservationReader(database),
    ...createReplayReader(database),
    exclusively: (name, work, signal) => exclusively({ url, name, signal }, work),
    listEvents: (tenancy, request) => listEvents(database, tenancy, request),
    getEvent: (tenancy, eventId) => getEvent(database, tenancy, eventId),
    getPayload: (tenancy, eventId) => getPayload(database, tenancy, eventId),
    deliveriesOfEvent: (tenancy, eventId) => deliveriesOfEvent(database, tenancy, eventId),
    listDeliveries: (tenancy, request) => listDeliveries(database, tenancy, request),
    getDelivery: (tenancy, deliveryId) => getDelivery(database, tenancy, deliveryId),
    countStates: (tenancy, request) => countStates(database, tenancy, request),
    lastAttemptsOf: (deliveries) => lastAttemptsOf(database, deliveries),
    fatesOf: (deliveries) => fatesOf(database, deliveries),
    historyOf: (query) => historyOf(database, query),
    countDeliveries: (tenancy, query) => countDeliveries(database, tenancy, query),
    countSubscriptions: (tenancy) => countSubscriptions(database, tenancy),
    listDeadLetters: (tenancy, request) => listDeadLetters(database, tenancy, request),
    healthOf: (subscriptionIds) => healthOf(database, subscriptionIds),
    listAuditLog: (tenancy, request) => listAuditLog(database, tenancy, request),
    getRedelivery: (tenancy, deliveryId) => getRedelivery(database, tenancy, deliveryId),
    async ping() {
      await database.run({ name: "ping", text: "select 1", values: [] })
    },
    close: () => database.close(),
  }
}
