import { setTimeout as pause } from "node:timers/promises"
import { fromJson, type JsonValue } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { BodyStyle, DeliveryService, SubscriptionService } from "@posthorn/proto"
import type { DialectCalls, DialectRoute } from "../dialect.ts"
import { type FieldReader, readFields, text } from "../read-fields.ts"
import { shownAttempt } from "./shown-attempt.ts"

const { createSubscription, testSubscription, deleteSubscription } = SubscriptionService.method
const anything: FieldReader<JsonValue> = { expects: "must be JSON", read: (value) => value }
const TYPE = "test.ping"
/** What failed waits long enough to be cancelled with its subscription: a test leaves no dead letter behind. */
const RETRY_POLICY = { delaysSeconds: [24 * 3600] }

interface TestEvent {
  readonly type: string
  readonly data: JsonValue | undefined
}

/** Sends one event to a URL that nobody has subscribed, by way of a subscription that is there for no longer. */
export const testUrl: DialectRoute = {
  method: "POST",
  path: "/api/webhooks/test",
  answer: async (request, calls) => {
    let event: TestEvent = { type: TYPE, data: undefined }
    const created = await calls.rpc(createSubscription, async (applicationId) => {
      const fields = readFields(await request.json(), { url: text, event: text, data: anything })
      if (isRefusal(fields)) return fields
      event = { type: fields.event ?? TYPE, data: fields.data }
      const bounds = { retryPolicy: RETRY_POLICY, timeoutMs: limits.DIALECT_TEST_TIMEOUT_MS }
      return { applicationId, subscription: { url: fields.url ?? "", bodyStyle: BodyStyle.ENVELOPE, ...bounds } }
    })
    if (isRefusal(created)) return created
    const subscriptionId = created.subscription?.id ?? ""
    const attempt = await attemptFor(calls, subscriptionId, event)
    const deleted = await calls.rpc(deleteSubscription, () => ({ subscriptionId }))
    if (isRefusal(attempt)) return attempt
    return isRefusal(deleted) ? deleted : { status: 200, body: attempt }
  },
}

/** How the attempt went, or that it is pending still. */
async function attemptFor(
  calls: DialectCalls,
  subscriptionId: string,
  { type, data }: TestEvent,
): Promise<ReturnType<typeof shownAttempt> | Refusal> {
  const sent = await calls.rpc(testSubscription, () => ({
    subscriptionId,
    type,
    ...(data === undefined ? {} : { data: fromJson(ValueSchema, data) }),
  }))
  if (isRefusal(sent)) return sent
  const { deliveryId, eventId } = sent
  for (let look = 1; ; look++) {
    const found = await calls.rpc(DeliveryService.method.getDelivery, () => ({ deliveryId }))
    if (isRefusal(found) && found.code !== "not_found") return found
    const attempt = isRefusal(found) ? undefined : found.delivery?.attempts[0]
    if (attempt !== undefined || look === limits.DIALECT_TEST_LOOKS_MAX)
      return shownAttempt({ id: deliveryId, subscriptionId, eventId }, attempt)
    await pause(limits.DIALECT_TEST_LOOK_MS)
  }
}
