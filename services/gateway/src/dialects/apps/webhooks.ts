import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import { SignatureStyle, type Subscription, SubscriptionService } from "@posthorn/proto"
import type { DialectRequest, DialectRoute } from "../dialect.ts"
import { maskOf } from "../mask-of.ts"
import { readFields, text, texts, textsByName, truth } from "../read-fields.ts"
import { timeOf } from "../words.ts"
import { resourceRoutes } from "../resource-routes.ts"

const { createSubscription, updateSubscription } = SubscriptionService.method
const WEBHOOKS = "/applications/{application}/webhooks"
const FIELDS = { url: text, method: text, headers: textsByName, events: texts, secret: text, is_active: truth }
/** After 1, 5 and 15 minutes and an hour; then the delivery has failed. */
const RETRY_POLICY = { delaysSeconds: [60, 300, 900, 3600] }

const create: DialectRoute = {
  method: "POST",
  path: WEBHOOKS,
  answer: async (request, calls) => {
    const created = await calls.rpc(createSubscription, async (applicationId) => {
      const fields = await wholeOf(request)
      if (isRefusal(fields)) return fields
      const ours = { signatureStyle: SignatureStyle.X_SIGNATURE, retryPolicy: RETRY_POLICY }
      return { applicationId, subscription: { ...wantedOf(fields), ...ours } }
    })
    return isRefusal(created) ? created : { status: 201, body: shownOf(created.subscription) }
  },
}

/** `PUT` takes the fields that it does not name back to their defaults, but for the secret; `PATCH` leaves them as they are. */
const update = (method: "PUT" | "PATCH"): DialectRoute => ({
  method,
  path: `${WEBHOOKS}/{id}`,
  answer: async (request, calls) => {
    const updated = await calls.rpc(updateSubscription, async () => {
      const fields = await (method === "PUT" ? wholeOf(request) : fieldsOf(request))
      if (isRefusal(fields)) return fields
      const { url, method: verb, headers, events, secret, is_active: enabled } = fields
      const named = { url, method: verb, headers, event_types: events, enabled }
      const updateMask = maskOf({ ...(method === "PUT" ? WHOLE : named), secret })
      return isRefusal(updateMask) ? updateMask : { subscriptionId: request.variable("id"), subscription: wantedOf(fields), updateMask }
    })
    return isRefusal(updated) ? updated : { status: 200, body: shownOf(updated.subscription) }
  },
})

const WHOLE = { url: true, method: true, headers: true, event_types: true, enabled: true }

const fieldsOf = async (request: DialectRequest) => readFields(await request.json(), FIELDS)
type Fields = Exclude<Awaited<ReturnType<typeof fieldsOf>>, Refusal>

/** A body that has to say what makes a webhook. */
async function wholeOf(request: DialectRequest): Promise<Fields | Refusal> {
  const fields = await fieldsOf(request)
  if (isRefusal(fields)) return fields
  const missing = (["url", "events"] as const).filter((name) => fields[name] === undefined)
  if (missing.length === 0) return fields
  return refuse("invalid_argument", "The webhook lacks fields.", { details: missing.map((field) => ({ field, reason: "must be there" })) })
}

/** Fields of the contract, the ones that are not named at their defaults. */
const wantedOf = (fields: Fields) => ({
  url: fields.url ?? "",
  method: fields.method ?? "",
  headers: fields.headers ?? {},
  eventTypes: fields.events ?? [],
  secret: fields.secret ?? "",
  enabled: fields.is_active ?? true,
})

/** A secret is there only in the answer to who had it made. */
const shownOf = (subscription: Subscription | undefined) =>
  subscription && {
    id: subscription.id,
    application: subscription.applicationId,
    url: subscription.url,
    method: subscription.method,
    headers: subscription.headers,
    events: subscription.eventTypes,
    ...(subscription.secret === undefined ? {} : { secret: subscription.secret }),
    is_active: subscription.enabled,
    created_at: timeOf(subscription.createdAt),
    updated_at: timeOf(subscription.updatedAt),
  }

export const webhookRoutes: readonly DialectRoute[] = [create, update("PUT"), update("PATCH"), ...resourceRoutes(WEBHOOKS, shownOf)]
