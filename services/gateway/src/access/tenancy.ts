import { noSuch, refuse, type ConfigTable, type KeyEntity, type Refusal, type SubscriptionEntity, type TaskEntity } from "@posthorn/core"
import type { Tenancy } from "@posthorn/store"
import type { Caller } from "../call.ts"

/** What belongs to somebody else is answered as what does not exist, everywhere in the same words. */
const owns = (caller: Caller, applicationId: string): boolean =>
  caller.applicationId === undefined || caller.applicationId === applicationId

/** The application that a request is about, which exists: the one that it names, or the one of the caller's key. */
export function applicationOf(table: ConfigTable, caller: Caller, requestedId: string): string | Refusal {
  const id = requestedId || caller.applicationId
  if (id === undefined) {
    return refuse("invalid_argument", "Name the application.", {
      details: [{ field: "application_id", reason: "must be given with the operator's key" }],
    })
  }
  return owns(caller, id) && table.application(id) !== undefined ? id : noSuch("application")
}

export function ownedSubscription(table: ConfigTable, caller: Caller, id: string): SubscriptionEntity | Refusal {
  const entity = table.subscription(id)
  return entity !== undefined && owns(caller, entity.subscription.applicationId) ? entity : noSuch("subscription")
}

export function ownedKey(
  table: ConfigTable,
  caller: Caller,
  { applicationId, keyId }: { readonly applicationId: string; readonly keyId: string },
): KeyEntity | Refusal {
  const entity = table.key(keyId)
  return entity !== undefined && entity.key.applicationId === applicationId && owns(caller, applicationId) ? entity : noSuch("key")
}

export function ownedTask(table: ConfigTable, caller: Caller, id: string): TaskEntity | Refusal {
  const entity = table.task(id)
  return entity !== undefined && owns(caller, entity.task.applicationId) ? entity : noSuch("task")
}

/** Whose rows a list or a look-up may answer. The operator may leave the application open. */
export function tenancyOf(table: ConfigTable, caller: Caller, requestedId = ""): Tenancy | Refusal {
  if (caller.applicationId === undefined && requestedId === "") return "every application"
  const applicationId = applicationOf(table, caller, requestedId)
  return typeof applicationId === "string" ? { applicationId } : applicationId
}
