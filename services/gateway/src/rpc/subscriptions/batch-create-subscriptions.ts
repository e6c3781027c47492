import { create } from "@bufbuild/protobuf"
import { isRefusal, limits, refuse, type Refusal } from "@posthorn/core"
import {
  BatchCreateSubscriptionsResponseSchema,
  BatchCreateSubscriptionsResultSchema,
  RefusalSchema,
  SubscriptionSchema,
  type Subscription,
  type SubscriptionService,
} from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { forItem } from "../../commands/keyed.ts"
import { newSubscription } from "../../commands/new-subscription.ts"
import { requestRules } from "../../doors/request-rules.ts"
import type { RpcContext } from "../rpc-context.ts"

const rules = requestRules(SubscriptionSchema)

/** All at the same time, so that the log takes them together. */
export const batchCreateSubscriptions =
  (context: RpcContext): Handler<typeof SubscriptionService.method.batchCreateSubscriptions> =>
  async ({ applicationId: requested, subscriptions }, call) => {
    const applicationId = applicationOf(context.config.table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    if (subscriptions.length === 0 || subscriptions.length > limits.BATCH_SUBSCRIPTIONS_MAX)
      return refuse("invalid_argument", "The batch has too few or too many subscriptions.", {
        details: [{ field: "subscriptions", reason: `must have 1 to ${limits.BATCH_SUBSCRIPTIONS_MAX} entries` }],
      })
    const one = async (subscription: Subscription, at: number): Promise<Subscription | Refusal> =>
      judge(subscription) ?? newSubscription(context, forItem(call, `${at}`), { applicationId, subscription })
    const results = await Promise.all(subscriptions.map(one))
    return create(BatchCreateSubscriptionsResponseSchema, { results: results.map(resultOf) })
  }

/** By the rules of the contract, with paths as of a creation alone. */
function judge(subscription: Subscription): Refusal | undefined {
  const refused = rules(subscription)
  return refused && { ...refused, details: refused.details.map(({ field, reason }) => ({ field: `subscription.${field}`, reason })) }
}

function resultOf(result: Subscription | Refusal) {
  if (!isRefusal(result)) return create(BatchCreateSubscriptionsResultSchema, { result: { case: "created", value: result } })
  const { code, message, details } = result
  const refused = create(RefusalSchema, { code, message, details: details.map(({ field, reason }) => ({ field, reason })) })
  return create(BatchCreateSubscriptionsResultSchema, { result: { case: "refused", value: refused } })
}
