import { create } from "@bufbuild/protobuf"
import { decidePause, isRefusal } from "@posthorn/core"
import { PauseSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import type { RpcContext } from "../rpc-context.ts"

export const pauseSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.pauseSubscription> =>
  async ({ subscriptionId, etag }, call) => {
    const { table } = context.config
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag,
      decide: (change) => decidePause(table, subscriptionId, change),
    })
    return isRefusal(changed) ? changed : create(PauseSubscriptionResponseSchema, { subscription: changed.subscription })
  }
