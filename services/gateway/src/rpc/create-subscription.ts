import { create } from "@bufbuild/protobuf"
import { assert, decideCreateSubscription, isRefusal, noSuch } from "@posthorn/core"
import { CreateSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { applicationOf } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { changeConfig } from "../commands/change-config.ts"
import { sealSecrets } from "../commands/seal-secrets.ts"
import { withSecret } from "./with-secret.ts"
import type { RpcContext } from "./rpc-context.ts"

export const createSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.createSubscription> =>
  async (request, call) => {
    const { table } = context.config
    const { subscription } = request
    assert(subscription, "the contract requires a subscription")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const id = context.newId("subscription")
    const sealed = sealSecrets(context.box, { id, applicationId, subscription, paths: [] })
    const command = { id, applicationId, subscription, judgeUrl: context.judgeUrl, ...sealed }
    const done = await changeConfig(context, call, (change) => decideCreateSubscription(table, command, change))
    if (isRefusal(done)) return done
    const entity = table.subscription(id)
    return entity
      ? create(CreateSubscriptionResponseSchema, { subscription: withSecret(entity.subscription, sealed.generated) })
      : noSuch("subscription")
  }
