import { DeliveryState } from "@posthorn/proto"
import type { World } from "./world.ts"

const SWEPT_MS_MAX = 5000
const WAITING: ReadonlySet<DeliveryState> = new Set([DeliveryState.SCHEDULED, DeliveryState.RETRYING])

/**
 * I7: what waits in a retry tier for a subscription that has just been disabled or deleted shows as cancelled within seconds, if its
 * partition has an owner all the time who hears of it and can append.
 */
export async function watchSweep(world: World, subscriptionId: string): Promise<void> {
  const { time, ledger } = world
  const [number, sinceMs] = [world.partitionOf(subscriptionId), time.nowMs()]
  const owner = world.processes.find((each) => each.state === "up" && each.owns(number))
  if (owner === undefined) return
  const { hearingSinceMs } = owner
  const tenure = owner.tenure(number)
  const waiting = waitingInTiers(world, subscriptionId)
  await time.sleep(SWEPT_MS_MAX)
  const stayed = owner.state === "up" && owner.hearingSinceMs === hearingSinceMs && owner.tenure(number) === tenure && owner.owns(number)
  if (!stayed || world.troubledUntilMs(owner) > sinceMs) return
  for (const [deliveryId, round] of waiting) {
    const now = ledger.standings.get(deliveryId)
    if (now?.round === round && WAITING.has(now.state))
      world.violation(`I7: ${deliveryId} still waits for ${subscriptionId}, which has been off since ${world.clock(sinceMs)}`)
  }
}

function waitingInTiers({ ledger, made }: World, subscriptionId: string): readonly (readonly [string, number])[] {
  return [...ledger.standings].flatMap(([deliveryId, { state, round, attemptCount }]) => {
    const last = ledger.lastOf(deliveryId, round)
    if (last?.due.subscriptionId !== subscriptionId || !WAITING.has(state) || last.due.attempt !== attemptCount + 1) return []
    const isUnderWay = made.has(`${deliveryId}/${round}/${last.due.attempt}`)
    return last.position.topic.startsWith("retry.") && !isUnderWay ? [[deliveryId, round] as const] : []
  })
}
