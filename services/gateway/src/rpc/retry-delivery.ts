import { create, toBinary } from "@bufbuild/protobuf"
import { decideRequeue, decideRunTry, isRefusal, isWaiting, lastTryOf, noSuch, refuse } from "@posthorn/core"
import { ActorSchema, ControlRecordSchema, RetryDeliveryResponseSchema, type DeliveryService } from "@posthorn/proto"
import { tenancyOf } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { acceptedEvent } from "../commands/accepted-event.ts"
import { appendRequeued } from "../commands/append-requeued.ts"
import { shownAfter } from "../commands/shown-after.ts"
import type { RpcContext } from "./rpc-context.ts"
import { withPause } from "./with-pause.ts"

export const retryDelivery =
  (context: RpcContext): Handler<typeof DeliveryService.method.retryDelivery> =>
  async ({ deliveryId }, call) => {
    const { config, log, reader, nowMs } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const found = await reader.getRedelivery(tenancy, deliveryId)
    if (found === undefined) return noSuch("delivery")
    const { delivery, roundFirst } = found
    if (config.table.subscription(delivery.subscriptionId)?.subscription.enabled !== true)
      return refuse("failed_precondition", "The subscription is disabled or deleted: nothing can be sent to it.")
    const event = await acceptedEvent(log, found)
    const actor = create(ActorSchema, { id: call.caller.keyId, requestId: call.requestId })
    const how = { actor, nowMs: nowMs(), configPosition: config.position }
    if (isWaiting(delivery)) {
      const value = toBinary(ControlRecordSchema, decideRunTry({ delivery, event, roundFirst }, how))
      await log.append([{ topic: "control", key: delivery.subscriptionId, value }])
    } else await appendRequeued(log, [decideRequeue(lastTryOf({ delivery, event }), { ...how, taskId: "" })])
    const shown = await shownAfter(context, tenancy, delivery)
    return create(RetryDeliveryResponseSchema, { delivery: withPause(config.table, shown) })
  }
