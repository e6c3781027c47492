import { isRefusal } from "@posthorn/core"
import { SignatureStyle, SourceScheme, SubscriptionService } from "@posthorn/proto"
import type { DialectRoute } from "../dialect.ts"
import { everySubscription } from "../every-subscription.ts"
import { maskOf } from "../mask-of.ts"
import { readFields, text, truth } from "../read-fields.ts"

const { createSubscription, getSubscription, updateSubscription, deleteSubscription } = SubscriptionService.method
const FIELDS = { target_url: text, event_type: text, secret_key: text, is_active: truth }

const add: DialectRoute = {
  method: "POST",
  path: "/add_subscription",
  answer: async (request, calls) => {
    const created = await calls.rpc(createSubscription, async (applicationId) => {
      const fields = readFields(await request.json(), FIELDS)
      if (isRefusal(fields)) return fields
      const { target_url: url = "", event_type: type, secret_key: secret = "", is_active: enabled = true } = fields
      const source = { scheme: schemeOf(secret), secret, defaultEventType: type ?? "" }
      const eventTypes = type === undefined ? [] : [type]
      return { applicationId, subscription: { url, eventTypes, secret, source, enabled, signatureStyle: SignatureStyle.X_SIGNATURE } }
    })
    return isRefusal(created) ? created : { status: 201, body: { id: created.subscription?.id } }
  },
}

const list: DialectRoute = {
  method: "GET",
  path: "/subscriptions",
  answer: async (_request, calls) => {
    const found = await everySubscription(calls)
    if (isRefusal(found)) return found
    const active = found.filter(({ enabled }) => enabled)
    return { status: 200, body: active.map(({ id, url, eventTypes }) => ({ id, url, event: eventTypes.join(",") })) }
  },
}

const update: DialectRoute = {
  method: "PUT",
  path: "/update_subscription/{subscription_id}",
  answer: async (request, calls) => {
    const subscriptionId = request.variable("subscription_id")
    const before = await calls.rpc(getSubscription, () => ({ subscriptionId }))
    if (isRefusal(before)) return before
    const updated = await calls.rpc(updateSubscription, async () => {
      const fields = readFields(await request.json(), FIELDS)
      if (isRefusal(fields)) return fields
      const { target_url: url, event_type: type, secret_key: secret, is_active: enabled } = fields
      const ofType = { event_types: type, "source.default_event_type": type }
      const ofSecret = { secret, "source.secret": secret, "source.scheme": secret }
      const updateMask = maskOf({ url, enabled, ...ofType, ...ofSecret })
      if (isRefusal(updateMask)) return updateMask
      const scheme = schemeOf(secret ?? "", before.subscription?.source?.scheme)
      const source = { scheme, secret: secret ?? "", defaultEventType: type ?? "" }
      const wanted = { url: url ?? "", eventTypes: [type ?? ""], secret: secret ?? "", source, enabled: enabled ?? true }
      return { subscriptionId, subscription: wanted, updateMask }
    })
    return isRefusal(updated) ? updated : { status: 200, body: { message: "Subscription updated successfully" } }
  },
}

const remove: DialectRoute = {
  method: "DELETE",
  path: "/delete_subscription/{subscription_id}",
  answer: async (request, calls) => {
    const deleted = await calls.rpc(deleteSubscription, () => ({ subscriptionId: request.variable("subscription_id") }))
    return isRefusal(deleted) ? deleted : { status: 200, body: { message: "Subscription deleted successfully" } }
  },
}

export const subscriptionRoutes: readonly DialectRoute[] = [add, list, update, remove]

/** One secret is for both ways: senders sign by it, and what is sent is signed by it. A source that verifies already goes on in its own way. */
function schemeOf(secret: string, before: SourceScheme = SourceScheme.UNSPECIFIED): SourceScheme {
  if (secret === "") return SourceScheme.UNSPECIFIED
  return before === SourceScheme.UNSPECIFIED || before === SourceScheme.NONE ? SourceScheme.X_SIGNATURE : before
}
