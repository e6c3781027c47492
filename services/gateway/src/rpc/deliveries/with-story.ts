import { create } from "@bufbuild/protobuf"
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import { endingOf, isWaiting, nextAttemptOf } from "@posthorn/core"
import { DeliverySchema, DeliveryState, type Delivery, type SubscriptionHealth } from "@posthorn/proto"
import { StoreUnavailable, type DeliveryFate } from "@posthorn/store"
import type { RpcContext } from "../rpc-context.ts"
import { withPause } from "../subscriptions/with-pause.ts"

type Context = Pick<RpcContext, "config" | "reader" | "nowMs">

/**
 * Deliveries with when their next attempt is due and why then, or why they have none any more. With the attempts that they come with. What holds
 * them back stays out while the view cannot be read: they may be the answer to something that has been done.
 */
export async function withStory(context: Context, deliveries: readonly Delivery[]): Promise<Delivery[]> {
  const { config, nowMs } = context
  const { fates, healths } = await surroundingsOf(context, deliveries)
  return deliveries.map((delivery) => {
    const { nextAttempt: _, ...told } = withPause(config.table, delivery)
    const subscription = config.table.subscription(delivery.subscriptionId)?.subscription
    const fate = fates.get(delivery.id)
    const hastenedAt = hastenedOf(delivery, fate)
    const nextAttempt = nextAttemptOf(delivery, { subscription, health: healths.get(delivery.subscriptionId), hastenedAt, nowMs: nowMs() })
    const ending = endingOf(delivery, { subscription, deadLetter: fate?.deadLetter })
    return create(DeliverySchema, { ...told, ...(nextAttempt ? { nextAttempt } : {}), ...(ending ? { ending } : {}) })
  })
}

async function surroundingsOf({ reader }: Context, deliveries: readonly Delivery[]) {
  const open = deliveries.filter(({ state }) => state !== DeliveryState.DELIVERED)
  const waitingFor = [...new Set(open.filter(isWaiting).map(({ subscriptionId }) => subscriptionId))]
  try {
    const [fates, healths] = await Promise.all([reader.fatesOf(open), reader.healthOf(waitingFor)])
    return { fates, healths }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    return { fates: new Map<string, DeliveryFate>(), healths: new Map<string, SubscriptionHealth>() }
  }
}

/** What somebody asked for before the last attempt has been done. Of a later round it is what began it, so that nothing is hastened before its first attempt. */
function hastenedOf({ state, round, attemptCount, attempts }: Delivery, fate: DeliveryFate | undefined): Timestamp | undefined {
  const retriedAt = fate?.retriedAt
  if (retriedAt === undefined || (round > 1 && state === DeliveryState.SCHEDULED)) return undefined
  if (attemptCount === 0) return retriedAt
  const last = attempts.at(-1)
  return last?.number === attemptCount && last.finishedAt && timestampMs(retriedAt) > timestampMs(last.finishedAt) ? retriedAt : undefined
}
