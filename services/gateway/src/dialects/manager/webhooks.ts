import type { JsonValue } from "@bufbuild/protobuf"
import { isRefusal, type Refusal, refuse } from "@posthorn/core"
import { BodyStyle, type RetryPolicy, SignatureStyle, type Subscription, SubscriptionService } from "@posthorn/proto"
import type { DialectRequest, DialectRoute } from "../dialect.ts"
import { maskOf } from "../mask-of.ts"
import { type FieldReader, readFields, text, texts, textsByName, truth } from "../read-fields.ts"
import { timeOf } from "../words.ts"
import { resourceRoutes } from "../resource-routes.ts"

const { createSubscription, getSubscription, updateSubscription } = SubscriptionService.method
const WEBHOOKS = "/api/webhooks"
const INT32_MAX = 2 ** 31 - 1
const within = (value: JsonValue, min: number, max: number): value is number => typeof value === "number" && value >= min && value <= max

const wholeNumber: FieldReader<number> = {
  expects: "must be a whole number",
  read: (value) => (within(value, -INT32_MAX, INT32_MAX) && Number.isInteger(value) ? value : undefined),
}

const timeoutMs: FieldReader<number> = {
  expects: "must be a number of seconds from 0.1 to 60",
  read: (value) => (within(value, 0.1, 60) ? Math.round(value * 1000) : undefined),
}

const FIELDS = {
  url: text,
  events: texts,
  secret: text,
  active: truth,
  retry_count: wholeNumber,
  retry_delay: wholeNumber,
  timeout: timeoutMs,
  headers: textsByName,
  metadata: textsByName,
}

/** Where a client leaves them open: with both, retries go on for 17 hours. */
const RETRY_COUNT = 10
const RETRY_DELAY_SECONDS = 60

const create: DialectRoute = {
  method: "POST",
  path: WEBHOOKS,
  answer: async (request, calls) => {
    const created = await calls.rpc(createSubscription, async (applicationId) => {
      const fields = await fieldsOf(request)
      if (isRefusal(fields)) return fields
      if (fields.events === undefined) return NO_EVENTS
      const styles = { signatureStyle: SignatureStyle.X_WEBHOOK_SIGNATURE, bodyStyle: BodyStyle.ENVELOPE }
      return { applicationId, subscription: { ...wantedOf(fields, undefined), ...styles } }
    })
    return isRefusal(created) ? created : { status: 201, body: shownOf(created.subscription) }
  },
}

const NO_EVENTS = refuse("invalid_argument", "The webhook has no events.", {
  details: [{ field: "events", reason: 'must name event types, or be ["*"] for all' }],
})

const update: DialectRoute = {
  method: "PATCH",
  path: `${WEBHOOKS}/{id}`,
  answer: async (request, calls) => {
    const subscriptionId = request.variable("id")
    const before = await calls.rpc(getSubscription, () => ({ subscriptionId }))
    if (isRefusal(before)) return before
    const updated = await calls.rpc(updateSubscription, async () => {
      const fields = await fieldsOf(request)
      if (isRefusal(fields)) return fields
      const { url, events, secret, active, retry_count: count, retry_delay: delay, timeout, headers, metadata } = fields
      const policy = count ?? delay
      const updateMask = maskOf({
        url,
        event_types: events,
        secret,
        enabled: active,
        retry_policy: policy,
        timeout_ms: timeout,
        headers,
        metadata,
      })
      if (isRefusal(updateMask)) return updateMask
      // The half of the policy that is not named was read a moment ago.
      const etag = policy === undefined ? "" : (before.subscription?.etag ?? "")
      return { subscriptionId, subscription: { ...wantedOf(fields, before.subscription?.retryPolicy), etag }, updateMask }
    })
    return isRefusal(updated) ? updated : { status: 200, body: shownOf(updated.subscription) }
  },
}

const fieldsOf = async (request: DialectRequest) => readFields(await request.json(), FIELDS)
type Fields = Exclude<Awaited<ReturnType<typeof fieldsOf>>, Refusal>

/** Fields of the contract, the ones that are not named at their defaults. */
function wantedOf(fields: Fields, before: RetryPolicy | undefined) {
  const retryCount = fields.retry_count ?? before?.retryCount ?? RETRY_COUNT
  const retryDelaySeconds = fields.retry_delay ?? (before?.retryDelaySeconds || RETRY_DELAY_SECONDS)
  return {
    url: fields.url ?? "",
    eventTypes: fields.events ?? [],
    secret: fields.secret ?? "",
    enabled: fields.active ?? true,
    retryPolicy: { retryCount, retryDelaySeconds },
    timeoutMs: fields.timeout ?? 0,
    headers: fields.headers ?? {},
    metadata: fields.metadata ?? {},
  }
}

/** A secret is there only in the answer to who had it made; retries are `null` where they follow another kind of schedule. */
const shownOf = (subscription: Subscription | undefined) =>
  subscription && {
    id: subscription.id,
    url: subscription.url,
    events: subscription.eventTypes,
    ...(subscription.secret === undefined ? {} : { secret: subscription.secret }),
    active: subscription.enabled,
    retry_count: subscription.retryPolicy?.retryCount ?? null,
    retry_delay: subscription.retryPolicy?.retryDelaySeconds || null,
    timeout: subscription.timeoutMs / 1000,
    headers: subscription.headers,
    metadata: subscription.metadata,
    created_at: timeOf(subscription.createdAt),
    updated_at: timeOf(subscription.updatedAt),
  }

export const webhookRoutes: readonly DialectRoute[] = [create, update, ...resourceRoutes(WEBHOOKS, shownOf)]
