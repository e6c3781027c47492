import { create, toBinary } from "@bufbuild/protobuf"
import { decideCancelTry, isRefusal, limits, noSuch, REASONS, type Refusal } from "@posthorn/core"
import {
  ActorSchema,
  CancelEventResponseSchema,
  ControlRecordSchema,
  DeliveryState,
  ListDeliveriesRequestSchema,
  type Delivery,
  type EventService,
} from "@posthorn/proto"
import type { Tenancy } from "@posthorn/store"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { shownAfter } from "../../commands/shown-after.ts"
import type { RpcContext } from "../rpc-context.ts"

const WAITING = [DeliveryState.SCHEDULED, DeliveryState.RETRYING]

export const cancelEvent =
  (context: RpcContext): Handler<typeof EventService.method.cancelEvent> =>
  async (request, call) => {
    const { config, log, reader, nowMs } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    if ((await reader.getEvent(tenancy, request.eventId)) === undefined) return noSuch("event")
    const waiting = await waitingOf(context, tenancy, request.eventId)
    if (isRefusal(waiting)) return waiting
    const { deliveries, more } = waiting
    const actor = create(ActorSchema, { id: call.caller.keyId, requestId: call.requestId })
    const wanted = { actor, nowMs: nowMs(), reason: request.reason || REASONS.cancelled }
    for (let at = 0; at < deliveries.length; at += limits.PAGE_SIZE_MAX) {
      const records = deliveries.slice(at, at + limits.PAGE_SIZE_MAX).map((delivery) => ({
        topic: "control" as const,
        key: delivery.subscriptionId,
        value: toBinary(ControlRecordSchema, decideCancelTry(delivery, wanted)),
      }))
      await log.append(records)
    }
    const last = deliveries.at(-1)
    if (last !== undefined) await shownAfter(context, tenancy, last)
    return create(CancelEventResponseSchema, { requestedCount: deliveries.length, more })
  }

/** The deliveries of an event that wait for an attempt, as far as one request takes them. */
async function waitingOf(
  { reader }: RpcContext,
  tenancy: Tenancy,
  eventId: string,
): Promise<{ deliveries: Delivery[]; more: boolean } | Refusal> {
  const deliveries: Delivery[] = []
  for (const state of WAITING) {
    let pageToken = ""
    do {
      const page = await reader.listDeliveries(
        tenancy,
        create(ListDeliveriesRequestSchema, { eventId, state, pageSize: limits.PAGE_SIZE_MAX, pageToken }),
      )
      if (isRefusal(page)) return page
      deliveries.push(...page.deliveries)
      pageToken = page.nextPageToken
      if (deliveries.length >= limits.EVENT_CANCELS_MAX) return { deliveries, more: pageToken !== "" || state !== WAITING.at(-1) }
    } while (pageToken !== "")
  }
  return { deliveries, more: false }
}
