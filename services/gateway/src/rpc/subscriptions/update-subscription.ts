import { create } from "@bufbuild/protobuf"
import { assert, decideUpdateSubscription, isRefusal } from "@posthorn/core"
import { type SubscriptionService, UpdateSubscriptionResponseSchema } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import { sealSecrets } from "../../commands/seal-secrets.ts"
import { withSecret } from "./with-secret.ts"
import type { RpcContext } from "../rpc-context.ts"

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
    const { generated, ...sealed } = sealSecrets(context.box, { id: subscriptionId, applicationId, subscription, paths })
    const command = { subscriptionId, subscription, paths, judgeUrl: context.judgeUrl, ...sealed }
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag: subscription.etag,
      decide: (change) => decideUpdateSubscription(table, command, change),
    })
    if (isRefusal(changed)) return changed
    const secret = changed.repeated ? undefined : generated
    return create(UpdateSubscriptionResponseSchema, { subscription: withSecret(changed.subscription, secret) })
  }
