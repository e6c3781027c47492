import { isRefusal } from "@posthorn/core"
import { SignatureStyle, type Subscription, SubscriptionService } from "@posthorn/proto"
import type { DialectRoute } from "../dialect.ts"
import { maskOf } from "../mask-of.ts"
import { readFields, text, texts, truth } from "../read-fields.ts"
import { timeOf } from "../words.ts"
import { resourceRoutes } from "../resource-routes.ts"

const { createSubscription, updateSubscription } = SubscriptionService.method
const SUBSCRIPTIONS = "/subscriptions"
const FIELDS = { target_url: text, secret: text, event_types: texts, is_active: truth }

const create: DialectRoute = {
  method: "POST",
  path: SUBSCRIPTIONS,
  answer: async (request, calls) => {
    const created = await calls.rpc(createSubscription, async (applicationId) => {
      const fields = readFields(await request.json(), FIELDS)
      if (isRefusal(fields)) return fields
      const { target_url: url = "", secret = "", event_types: eventTypes = ["*"], is_active: enabled = true } = fields
      return { applicationId, subscription: { url, secret, eventTypes, enabled, signatureStyle: SignatureStyle.X_WEBHOOK_SIGNATURE } }
    })
    return isRefusal(created) ? created : { status: 201, body: shownOf(created.subscription) }
  },
}

/** Fields that are not named stay as they are: a client that knows few of them does no harm to the others. */
const update: DialectRoute = {
  method: "PUT",
  path: `${SUBSCRIPTIONS}/{id}`,
  answer: async (request, calls) => {
    const updated = await calls.rpc(updateSubscription, async () => {
      const fields = readFields(await request.json(), FIELDS)
      if (isRefusal(fields)) return fields
      const { target_url: url, secret, event_types: eventTypes, is_active: enabled } = fields
      const updateMask = maskOf({ url, secret, event_types: eventTypes, enabled })
      if (isRefusal(updateMask)) return updateMask
      const subscription = { url: url ?? "", secret: secret ?? "", eventTypes: eventTypes ?? [], enabled: enabled ?? true }
      return { subscriptionId: request.variable("id"), subscription, updateMask }
    })
    return isRefusal(updated) ? updated : { status: 200, body: shownOf(updated.subscription) }
  },
}

/** A secret is there only in the answer to who had it made. */
const shownOf = (subscription: Subscription | undefined) =>
  subscription && {
    id: subscription.id,
    target_url: subscription.url,
    event_types: subscription.eventTypes,
    is_active: subscription.enabled,
    ...(subscription.secret === undefined ? {} : { secret: subscription.secret }),
    created_at: timeOf(subscription.createdAt),
    updated_at: timeOf(subscription.updatedAt),
  }

export const subscriptionRoutes: readonly DialectRoute[] = [create, update, ...resourceRoutes(SUBSCRIPTIONS, shownOf)]
