import { acceptEvent, deliveryIdOf, isRefusal, keyedEventIdOf, noSuch, refuse, type Refusal } from "@posthorn/core"
import type { IngestInput, PublishPort } from "../call.ts"
import { appendEvent } from "./append-event.ts"
import type { Accepted, KeyedAcceptance } from "./keyed-acceptance.ts"
import type { PublishContext } from "./publish-context.ts"
import { headerOf, senderKeyOf, typeOf } from "./sender-headers.ts"
import type { VerifySender } from "./verify-sender.ts"

/** What a body is that its sender says nothing about. */
const CONTENT_TYPE_UNKNOWN = "application/octet-stream"

/** Relays what anybody posts, byte by byte, to one subscription. Rejects with `LogUnavailable`. */
export const createIngest =
  (context: PublishContext, keyed: KeyedAcceptance, verify: VerifySender): PublishPort["ingest"] =>
  async (request) => {
    const { config, nowMs, newId } = context
    const entity = config.table.subscription(request.subscriptionId)
    if (entity === undefined) return noSuch("subscription")
    const refused = await verify(entity, request)
    if (refused) return refused
    const { id, applicationId, enabled, source } = entity.subscription
    if (!enabled) return refuse("failed_precondition", "The subscription is disabled.", { httpStatus: 409 })

    const sender = senderKeyOf(request.headers)
    // One sender may give one id to what it sends to two subscriptions.
    const key = sender.key === "" ? "" : `ingest/${id}/${sender.key}`
    const eventId = key === "" || sender.explicit ? newId("event") : keyedEventIdOf(applicationId, key)
    const event = acceptEvent(
      { ...inputOf(request, sender.key), applicationId, type: typeOf(request.headers, source) },
      { eventId, nowMs: nowMs(), configPosition: config.position, onlySubscriptionId: id },
    )
    if (isRefusal(event)) return event
    event.bulk = context.shares.exceeds(id, nowMs())
    let accepted: Accepted | Refusal = { eventId, duplicate: false }
    if (key === "") await appendEvent(context.log, event)
    else accepted = await keyed.accept({ event, key, storeOptional: !sender.explicit })
    if (isRefusal(accepted)) return accepted
    context.events.accepted("ingest", accepted.duplicate)
    return { eventId: accepted.eventId, deliveryId: deliveryIdOf(accepted.eventId, id) }
  }

const inputOf = ({ headers, body }: IngestInput, idempotencyKey: string) => ({
  payload: body,
  contentType: headerOf(headers, "content-type") || CONTENT_TYPE_UNKNOWN,
  id: "",
  idempotencyKey,
  metadata: {},
  wellFormed: false,
})
