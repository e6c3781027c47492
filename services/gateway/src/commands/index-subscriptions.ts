import { setImmediate as turn } from "node:timers/promises"
import { limits, SubscriptionIndex, type ConfigTable, type SubscriptionLookUp } from "@posthorn/core"

/**
 * Ids of an application's subscriptions by what they want, disabled ones included, as they are now; or of one of them alone. Who asks later than
 * now has to look at what has become of each. Lets others have their turns meanwhile.
 */
export async function indexSubscriptions(
  table: ConfigTable,
  applicationId: string,
  onlyId = "",
): Promise<SubscriptionLookUp<Iterable<string>>> {
  const index = new SubscriptionIndex()
  const ids = onlyId === "" ? [...table.subscriptionsOf(applicationId)] : [onlyId]
  for (const [at, id] of ids.entries()) {
    if (at % limits.LIST_SCAN_MAX === limits.LIST_SCAN_MAX - 1) await turn()
    const entity = table.subscription(id)
    if (entity !== undefined) index.add(id, entity.subscription.eventTypes)
  }
  return {
    match: (type) => index.match(type),
    named: (type) => index.named(type),
    only: (id) => (onlyId === "" || onlyId === id ? [id] : []),
  }
}
