import { create } from "@bufbuild/protobuf"
import { decidePause, isRefusal } from "@posthorn/core"
import { PauseSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { changeConfig } from "../commands/change-config.ts"
import type { RpcContext } from "./rpc-context.ts"

export const pauseSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.pauseSubscription> =>
  async ({ subscriptionId }, call) => {
    const { table } = context.config
    const before = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(before)) return before
    const done = await changeConfig(context, call, (change) => decidePause(table, subscriptionId, change))
    if (isRefusal(done)) return done
    const after = ownedSubscription(table, call.caller, subscriptionId)
    return isRefusal(after) ? after : create(PauseSubscriptionResponseSchema, { subscription: after.subscription })
  }
