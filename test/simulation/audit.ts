import { deliveryIdOf, RETRY_TIERS, tryKey, type Topic } from "@posthorn/core"
import { DeliveryState, type DeliveryDue, type EventAccepted, type Subscription } from "@posthorn/proto"
import type { LedgerRecord } from "./ledger.ts"
import type { World } from "./world.ts"

/** Every group, and what its stage reads. */
export const GROUPS: readonly (readonly [string, readonly Topic[]])[] = [
  ["router", ["events"]],
  ["delivery", ["deliveries", "deliveries.bulk"]],
  ["retry", RETRY_TIERS],
]
const AUDIT_MS = 50

/** I8: looks again and again at what was committed since, until told to stop: whatever followed from it must be in the log. */
export async function keepAuditing(world: World, ended: () => boolean): Promise<void> {
  const audited = new Map<string, number>()
  while (!ended()) {
    await audit(world, audited)
    await world.time.sleep(AUDIT_MS)
  }
}

async function audit(world: World, audited: Map<string, number>): Promise<void> {
  for (const [group, topics] of GROUPS) {
    for (const { topic, partition, committed } of await world.log.lag(group, topics)) {
      const name = `${topic}/${partition}`
      for (let offset = audited.get(name) ?? 0; offset < committed; offset++) {
        const record = world.ledger.at({ topic, partition, offset })
        if (record && !isDone(world, record)) world.violation(`I8: ${name} is committed past ${offset}, which is not finished`)
      }
      audited.set(name, Math.max(audited.get(name) ?? 0, committed))
    }
  }
}

function isDone(world: World, { content, position, sequence }: LedgerRecord): boolean {
  if (content === undefined) return true
  if ("poison" in content) return world.ledger.isBuried(position)
  if ("event" in content) return steadyMatches(world, content.event).every((each) => isRouted(world, content.event, each))
  const goesOn = world.ledger.try(tryKey(content.due)).dues.some((each) => each.sequence > sequence)
  return goesOn || (!position.topic.startsWith("retry.") && hasEnded(world, content.due))
}

/** The subscriptions that an event must reach: which match it, and were there and enabled all the time. */
export function steadyMatches(world: World, event: EventAccepted): readonly Subscription[] {
  return world.scenario.subscriptions.filter(
    ({ id, applicationId, eventTypes }) =>
      !world.unsteady.has(id) && applicationId === event.applicationId && matches(eventTypes, event.type),
  )
}

const isRouted = ({ ledger }: World, { eventId }: EventAccepted, { id }: Subscription): boolean =>
  ledger.try(`${deliveryIdOf(eventId, id)}/1/1`).dues.length > 0

/** A try has ended when its end is in the log with what follows from it. */
function hasEnded({ ledger }: World, due: DeliveryDue): boolean {
  const { finished, settled } = ledger.try(tryKey(due))
  if (settled.length > 0) return true
  return finished.some(({ record: { state } }) => {
    if (state === DeliveryState.RETRYING) return ledger.try(`${due.deliveryId}/${due.round}/${due.attempt + 1}`).dues.length > 0
    return state !== DeliveryState.DEAD || ledger.isDead(due.deliveryId)
  })
}

const matches = (patterns: readonly string[], type: string): boolean =>
  patterns.some((pattern) => pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))))
