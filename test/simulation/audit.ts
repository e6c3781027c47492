import { EVENT_TOPICS, deliveryIdOf, RETRY_TIERS, tryKey, type Topic } from "@posthorn/core"
import { DeliveryState, type DeliveryDue, type EventAccepted, type Subscription } from "@posthorn/proto"
import type { LedgerRecord, Noted } from "./ledger.ts"
import type { World } from "./world.ts"

/** Every group, and what its stage reads. */
export const GROUPS: readonly (readonly [string, readonly Topic[]])[] = [
  ["router", EVENT_TOPICS],
  ["delivery", ["deliveries", "deliveries.bulk", "control"]],
  ["retry", RETRY_TIERS],
]
const AUDIT_MS = 100

/** By partition, the first offset that whoever comes next will read again: what was committed, or trimmed of what is always read again. */
type Kept = ReadonlyMap<string, number>

/** I8: looks again and again at what was committed since, until told to stop: whatever followed from it must be in the log. */
export async function keepAuditing(world: World, ended: () => boolean): Promise<void> {
  const audited = new Map<string, number>()
  while (!ended()) {
    const kept = await readKept(world)
    for (const [name, to] of kept) {
      for (const record of world.ledger.between(name, audited.get(name) ?? 0, to)) {
        if (!isDone(world, record, kept)) world.violation(`I8: ${name} is committed past ${record.position.offset}, which is not finished`)
      }
      audited.set(name, Math.max(audited.get(name) ?? 0, to))
    }
    await world.time.sleep(AUDIT_MS)
  }
}

/** Whether nothing is left to do for any group, nor in what is parked. */
export async function isDrained(world: World): Promise<boolean> {
  const { log, ledger } = world
  const lags = await Promise.all(GROUPS.map(([group, topics]) => log.lag(group, topics)))
  if (lags.flat().some(({ committed, high }) => committed < high)) return false
  const kept = await readKept(world)
  return (await log.ends("parked")).every(({ partition, high }) =>
    ledger.between(`parked/${partition}`, 0, high).every((record) => isDone(world, record, kept)),
  )
}

async function readKept({ log }: World): Promise<Kept> {
  const lags = await Promise.all(GROUPS.map(([group, topics]) => log.lag(group, topics)))
  return new Map([
    ...lags.flat().map(({ topic, partition, committed }) => [`${topic}/${partition}`, committed] as const),
    ...(await log.ends("parked")).map(({ partition, low }) => [`parked/${partition}`, low] as const),
  ])
}

function isDone(world: World, { content, position, sequence }: LedgerRecord, kept: Kept): boolean {
  if (content === undefined) return true
  if ("poison" in content) return world.ledger.isBuried(position)
  if ("event" in content)
    return isEvident(world, content.event) && steadyMatches(world, content.event).every((each) => isRouted(world, content.event, each))
  if ("cancel" in content) {
    const { delivery, round, attempt } = content.cancel
    return hasBegun(world, `${delivery?.deliveryId}/${round}/${attempt}`)
  }
  const { due } = content
  const { dues, cancels } = world.ledger.try(tryKey(due))
  // A copy that is not asked for at once gives way to one that is, so it does not stand for it.
  const others = dues.filter((each) => each.position !== position && (each.due.hastened || !due.hastened))
  if (others.some((each) => each.sequence > sequence || isKept(each, kept)) || cancels.some((each) => isKept(each, kept))) return true
  return !position.topic.startsWith("retry.") && hasEnded(world, due)
}

const isKept = ({ position: { topic, partition, offset } }: Noted, kept: Kept): boolean =>
  offset >= (kept.get(`${topic}/${partition}`) ?? 0)

/** The subscriptions that an event must reach: which match it, and were there and enabled all the time. */
export function steadyMatches(world: World, event: EventAccepted): readonly Subscription[] {
  return world.scenario.subscriptions.filter(
    ({ id, applicationId, eventTypes }) =>
      !world.unsteady.has(id) && applicationId === event.applicationId && eventTypes.some((each) => takes(each, event)),
  )
}

function takes(pattern: string, { operational, type }: EventAccepted): boolean {
  if (pattern === type) return true
  return !operational && (pattern === "*" || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))))
}

/** Whether the log says what became of an event at the router. */
const isEvident = ({ ledger }: World, { eventId }: EventAccepted): boolean => ledger.unmatched.has(eventId) || ledger.matched.has(eventId)

const isRouted = ({ ledger }: World, { eventId }: EventAccepted, { id }: Subscription): boolean =>
  ledger.try(`${deliveryIdOf(eventId, id)}/1/1`).dues.length > 0

/** Whether a try was made, or ended without that. */
function hasBegun({ ledger, made }: World, key: string): boolean {
  const { finished, settled } = ledger.try(key)
  return finished.length > 0 || settled.length > 0 || made.has(key)
}

/** A try has ended when its end is in the log with what follows from it. */
function hasEnded({ ledger }: World, due: DeliveryDue): boolean {
  const { finished, settled } = ledger.try(tryKey(due))
  return [...finished, ...settled].some(({ record: { state } }) => {
    if (state === DeliveryState.RETRYING) {
      const next = ledger.try(`${due.deliveryId}/${due.round}/${due.attempt + 1}`)
      return next.dues.length > 0 || next.settled.length > 0
    }
    return state !== DeliveryState.DEAD || ledger.isDead(due.deliveryId, due.round)
  })
}
