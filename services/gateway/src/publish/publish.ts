import { create } from "@bufbuild/protobuf"
import { acceptEvent, idempotencyKeyOf, isRefusal, type Refusal } from "@posthorn/core"
import { PublishResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../access/tenancy.ts"
import type { PublishPort } from "../call.ts"
import { appendEvent } from "./append-event.ts"
import type { Accepted, KeyedAcceptance } from "./keyed-acceptance.ts"
import type { PublishContext } from "./publish-context.ts"

/** Publishes to an application, for every subscription that matches. Rejects with `LogUnavailable`. */
export const createPublish =
  (context: PublishContext, keyed: KeyedAcceptance): PublishPort["publish"] =>
  async (given, call, appendClass) => {
    const { config, nowMs, wallMs, newId, events } = context
    const applicationId = applicationOf(config.table, call.caller, given.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const limited = context.limits.refuses({ applicationId, keyId: call.caller.keyId, tell: call.tell })
    if (limited) {
      events.limited()
      return limited
    }
    const input = { ...given, applicationId }
    const key = idempotencyKeyOf(input)
    const eventId = newId("event")
    const retentionHours = config.table.retentionHoursOf(applicationId)
    const event = acceptEvent(input, { eventId, nowMs: nowMs(), wallMs: wallMs(), configPosition: config.position, retentionHours })
    if (isRefusal(event)) return event
    const judged = context.payloads.judge(event, input.typeVersion ?? 0)
    const misfit = judged && (await judged)
    if (misfit) return misfit
    event.bulk = context.shares.exceeds(`${applicationId}/${event.type}`, nowMs())
    let accepted: Accepted | Refusal = { eventId, duplicate: false }
    if (key === "") await appendEvent(context.log, event, appendClass)
    else accepted = await keyed.accept({ event, key, storeOptional: false, appendClass })
    if (isRefusal(accepted)) return accepted
    events.accepted("publish", accepted.duplicate)
    return create(PublishResponseSchema, { id: accepted.eventId, duplicate: accepted.duplicate })
  }
