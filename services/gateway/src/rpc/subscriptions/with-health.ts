import { create } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import { BreakerState, SubscriptionHealthSchema, SubscriptionSchema, type Subscription, type SubscriptionHealth } from "@posthorn/proto"
import { StoreUnavailable } from "@posthorn/store"
import type { RpcContext } from "../rpc-context.ts"

type Context = Pick<RpcContext, "reader" | "nowMs" | "pause">

/** Subscriptions with how their endpoints do, or as they are while the view is away or slow. The table's own messages stay as they are. */
export async function withHealth(context: Context, subscriptions: readonly Subscription[]): Promise<Subscription[]> {
  const health = await healthInTime(
    context,
    subscriptions.map(({ id }) => id),
  )
  return subscriptions.map((subscription) => {
    const known = health?.get(subscription.id)
    return known === undefined ? subscription : create(SubscriptionSchema, { ...subscription, health: standing(known, context.nowMs()) })
  })
}

async function healthInTime(
  { reader, pause }: Context,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SubscriptionHealth> | undefined> {
  const found = reader.healthOf(ids).catch((error: unknown) => {
    if (error instanceof StoreUnavailable) return undefined
    throw error
  })
  return Promise.race([found, pause(limits.HEALTH_READ_MS).then(() => undefined)])
}

/** A breaker whose time has come lets the next request through; that it did is told by the request's end. */
function standing(health: SubscriptionHealth, nowMs: number): SubscriptionHealth {
  const due = health.nextProbeAt !== undefined && timestampMs(health.nextProbeAt) <= nowMs
  return health.state === BreakerState.OPEN && due ? create(SubscriptionHealthSchema, { ...health, state: BreakerState.HALF_OPEN }) : health
}
