import { etagOf, isRefusal, superseded, type ChangeContext, type Refusal } from "@posthorn/core"
import type { ConfigChanged, Subscription } from "@posthorn/proto"
import { ownedSubscription } from "../access/tenancy.ts"
import type { Call } from "../call.ts"
import { changeConfig } from "./change-config.ts"
import type { CommandContext } from "./command-context.ts"

export interface SubscriptionChange {
  readonly subscriptionId: string
  /** The one that the caller has seen; empty = whatever it is. */
  readonly etag: string
  /** As of `changeConfig`. */
  readonly decide: (change: ChangeContext) => ConfigChanged | Refusal | undefined
}

export interface ChangedSubscription {
  readonly subscription: Subscription
  /** See `ConfigDone.repeated`. */
  readonly repeated: boolean
}

/** Changes a subscription of the caller's and answers what it is then. Rejects with `LogUnavailable`. */
export async function changeSubscription(
  context: CommandContext,
  call: Call,
  { subscriptionId, etag, decide }: SubscriptionChange,
): Promise<ChangedSubscription | Refusal> {
  const { table } = context.config
  const before = ownedSubscription(table, call.caller, subscriptionId)
  if (isRefusal(before)) return before
  const stale = etag !== "" && etag !== etagOf(before.version)
  const done = await changeConfig(context, call, (change) => (stale ? superseded("subscription") : decide(change)))
  if (isRefusal(done)) return done
  const after = ownedSubscription(table, call.caller, subscriptionId)
  return isRefusal(after) ? after : { subscription: after.subscription, repeated: done.repeated }
}
