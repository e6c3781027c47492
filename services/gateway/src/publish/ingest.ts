import { acceptEvent, deliveryIdOf, isRefusal, keyedEventIdOf, noSuch, refuse, type Refusal } from "@posthorn/core"
import type { IngestInput, PublishPort } from "../call.ts"
import { appendEvent } from "./append-event.ts"
import type { Accepted, KeyedAcceptance } from "./keyed-acceptance.ts"
import type { PublishContext } from "./publish-context.ts"
import { headerOf, senderFactsOf } from "./sender-facts.ts"
import type { VerifySender } from "./verify-sender.ts"

/** What a body is that its sender says nothing about. */
const CONTENT_TYPE_UNKNOWN = "application/octet-stream"

/** Relays what anybody posts, byte by byte, to one subscription. Rejects with `LogUnavailable`. */
export const createIngest =
  (context: PublishContext, keyed: KeyedAcceptance, verify: VerifySender): PublishPort["ingest"] =>
  async (request) => {
    const { config, nowMs, wallMs, newId } = context
    const entity = config.table.subscription(request.subscriptionId)
    const within = request.doorway?.applicationId ?? entity?.subscription.applicationId
    if (entity === undefined || entity.subscription.applicationId !== within) return noSuch("subscription")
    const refused = await verify(entity, request)
    if (refused) return refused
    const { id, applicationId, enabled, source } = entity.subscription
    const sender = senderFactsOf(request, source)
    if (sender.challenge !== undefined) return { eventId: "", deliveryId: "", challenge: sender.challenge }
    const limited = context.limits.refuses({ applicationId, keyId: undefined, tell: request.tell })
    if (limited) {
      context.events.limited()
      return limited
    }
    if (!enabled) return refuse("failed_precondition", "The subscription is disabled.", { httpStatus: 409 })

    // One sender may give one id to what it sends to two subscriptions.
    const key = sender.key === "" ? "" : `ingest/${id}/${sender.key}`
    const eventId = key === "" || sender.explicit ? newId("event") : keyedEventIdOf(applicationId, key)
    const retentionHours = config.table.retentionHoursOf(applicationId)
    const event = acceptEvent(
      { ...inputOf(request, sender.key), applicationId, type: sender.type, occurredAtMs: sender.occurredAtMs },
      { eventId, nowMs: nowMs(), wallMs: wallMs(), configPosition: config.position, retentionHours, onlySubscriptionId: id },
    )
    if (isRefusal(event)) return event
    const judged = context.payloads.judge(event, 0)
    const misfit = judged && (await judged)
    if (misfit) return misfit
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
