import { create } from "@bufbuild/protobuf"
import { decideRotateSecret, isRefusal, limits } from "@posthorn/core"
import { RotateSecretResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeSubscription } from "../../commands/change-subscription.ts"
import { generatedSecret, sealSigningSecret } from "../../commands/seal-secrets.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withSecret } from "./with-secret.ts"

export const rotateSecret =
  (context: RpcContext): Handler<typeof SubscriptionService.method.rotateSecret> =>
  async ({ subscriptionId, secret: asked, etag, overlapSeconds = limits.SECRET_OVERLAP_SECONDS_DEFAULT }, call) => {
    const { table } = context.config
    const entity = ownedSubscription(table, call.caller, subscriptionId)
    if (isRefusal(entity)) return entity
    const generated = generatedSecret(asked || "generate")
    const plain = generated ?? asked
    const secret = sealSigningSecret(context.box, entity.subscription, plain)
    const changed = await changeSubscription(context, call, {
      subscriptionId,
      etag,
      decide: (change) => decideRotateSecret(table, { subscriptionId, plain, secret, overlapSeconds }, change),
    })
    if (isRefusal(changed)) return changed
    const { subscription, repeated } = changed
    return create(RotateSecretResponseSchema, { subscription: repeated ? subscription : withSecret(subscription, generated) })
  }
