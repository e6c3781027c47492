import { candidatesOf, deliveryIdOf, isEnabled, limits, noSuch, passing, refuse, type Refusal } from "@posthorn/core"
import type { Delivery, EventAccepted } from "@posthorn/proto"
import type { Tenancy } from "@posthorn/store"
import { indexSubscriptions } from "../../commands/index-subscriptions.ts"
import type { RpcContext } from "../rpc-context.ts"

/** A subscription that the replay of an event is for. */
export interface ReplayTarget {
  readonly subscriptionId: string
  readonly deliveryId: string
  /** `undefined` = it never had the event, as far as the view knows. */
  readonly delivery: Delivery | undefined
  /** Whether today's settings take the event. */
  readonly matches: boolean
  readonly enabled: boolean
}

export interface ReplayedEvent {
  readonly tenancy: Tenancy
  readonly event: EventAccepted
  /** None = whoever is enabled, and matches or was sent it before. */
  readonly subscriptionIds: readonly string[]
}

/** Whom the replay of an event is for; at most `REPLAY_TARGETS_MAX`. */
export async function replayTargets(context: RpcContext, replayed: ReplayedEvent): Promise<readonly ReplayTarget[] | Refusal> {
  const { config, reader } = context
  const { event, tenancy, subscriptionIds } = replayed
  const matching = await matchingIds(context, event)
  let wanted: ReadonlySet<string> = new Set(subscriptionIds)
  if (wanted.size === 0) {
    const before = await reader.deliveriesOfEvent(tenancy, event.eventId)
    if (before.length >= limits.EVENT_DELIVERIES_MAX) return tooMany()
    wanted = new Set(
      [...matching, ...before.map((delivery) => delivery.subscriptionId)].filter((id) => enabledOf(context, event, id) === true),
    )
  }
  if (wanted.size > limits.REPLAY_TARGETS_MAX) return tooMany()
  const { acceptedAt: createdAt } = event
  const ids = [...wanted].map((id) => deliveryIdOf(event.eventId, id))
  const standings = createdAt ? await reader.standingsOf(ids.map((id) => ({ id, createdAt }))) : new Map<string, Delivery>()
  const targets: ReplayTarget[] = []
  for (const subscriptionId of wanted) {
    const enabled = enabledOf({ config }, event, subscriptionId)
    if (enabled === undefined) return noSuch("subscription")
    const deliveryId = deliveryIdOf(event.eventId, subscriptionId)
    targets.push({ subscriptionId, deliveryId, delivery: standings.get(deliveryId), matches: matching.has(subscriptionId), enabled })
  }
  return targets
}

/** Enabled subscriptions that take the event by today's settings. */
async function matchingIds(context: RpcContext, event: EventAccepted): Promise<ReadonlySet<string>> {
  const { table } = context.config
  const ids = new Set<string>()
  for (const id of candidatesOf(event, await indexSubscriptions(table, event.applicationId))) {
    const entity = table.subscription(id)
    if (entity !== undefined && enabledOf(context, event, id) === true && passing(event, [entity]).length > 0) ids.add(id)
  }
  return ids
}

/** `undefined` = the event's application has no such subscription. */
function enabledOf({ config }: Pick<RpcContext, "config">, { applicationId }: EventAccepted, id: string): boolean | undefined {
  const entity = config.table.subscription(id)
  return entity?.subscription.applicationId === applicationId ? isEnabled(entity) : undefined
}

const tooMany = (): Refusal =>
  refuse(
    "failed_precondition",
    `The event goes to more than ${limits.REPLAY_TARGETS_MAX} subscriptions: name some, or replay it by a filter.`,
  )
