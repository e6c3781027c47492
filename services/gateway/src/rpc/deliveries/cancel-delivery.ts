import { create, toBinary } from "@bufbuild/protobuf"
import { decideCancelTry, isRefusal, isWaiting, noSuch, REASONS, refuse } from "@posthorn/core"
import { ActorSchema, CancelDeliveryResponseSchema, ControlRecordSchema, DeliveryState, type DeliveryService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { deliveryDeed, once } from "../../commands/once.ts"
import { hasMoved, shownAfter } from "../../commands/shown-after.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withStory } from "./with-story.ts"

export const cancelDelivery =
  (context: RpcContext): Handler<typeof DeliveryService.method.cancelDelivery> =>
  async (request, call) => {
    const { config, log, reader, nowMs } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const delivery = await reader.getDelivery(tenancy, request.deliveryId)
    if (delivery === undefined) return noSuch("delivery")
    const act = async () => {
      if (!isWaiting(delivery)) return refuse("failed_precondition", "The delivery has ended: there is nothing to cancel.")
      const actor = create(ActorSchema, { id: call.caller.keyId, requestId: call.requestId })
      const record = decideCancelTry(delivery, { actor, nowMs: nowMs(), reason: request.reason || REASONS.cancelled })
      await log.append([{ topic: "control", key: delivery.subscriptionId, value: toBinary(ControlRecordSchema, record) }])
      const after = await shownAfter(context, tenancy, delivery)
      if (hasMoved(delivery, after) && after.state !== DeliveryState.CANCELLED)
        return refuse("aborted", "An attempt was under way: read the delivery again, and cancel it again if it still waits.")
      return after
    }
    const shown = await once(context, call, deliveryDeed(delivery, act))
    if (isRefusal(shown)) return shown
    const [told] = await withStory(context, [shown])
    return create(CancelDeliveryResponseSchema, told ? { delivery: told } : {})
  }
