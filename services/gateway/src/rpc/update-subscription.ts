import { create } from "@bufbuild/protobuf"
import { assert, decideUpdateSubscription, isRefusal } from "@posthorn/core"
import { type SubscriptionService, UpdateSubscriptionResponseSchema } from "@posthorn/proto"
import { ownedSubscription } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { changeConfig } from "../commands/change-config.ts"
import { sealSecrets } from "../commands/seal-secrets.ts"
import { withSecret } from "./with-secret.ts"
import type { RpcContext } from "./rpc-context.ts"

export const updateSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.updateSubscription> =>
  async (request, call) => {
    const { table } = context.config
    const { subscription, subscriptionId } = request
    assert(subscription, "the contract requires a subscription")
    const before = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(before)) return before
    const paths = request.updateMask?.paths ?? []
    const { applicationId } = before.subscription
    const sealed = sealSecrets(context.box, { id: subscriptionId, applicationId, subscription, paths })
    const command = { subscriptionId, subscription, paths, judgeUrl: context.judgeUrl, ...sealed }
    const done = await changeConfig(context, call, (change) => decideUpdateSubscription(table, command, change))
    if (isRefusal(done)) return done
    const after = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(after)) return after
    return create(UpdateSubscriptionResponseSchema, { subscription: withSecret(after.subscription, sealed.generated) })
  }
