import { create, toBinary } from "@bufbuild/protobuf"
import { decideRequeue, decideRunTry, isRefusal, isWaiting, lastTryOf, noSuch, refuse } from "@posthorn/core"
import { ActorSchema, ControlRecordSchema, RetryDeliveryResponseSchema, type DeliveryService } from "@posthorn/proto"
import type { Redelivery } from "@posthorn/store"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Call, Handler } from "../../call.ts"
import { acceptedEvent } from "../../commands/accepted-event.ts"
import { appendRequeued } from "../../commands/append-requeued.ts"
import { deliveryDeed, once } from "../../commands/once.ts"
import { shownAfter } from "../../commands/shown-after.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withStory } from "./with-story.ts"

export const retryDelivery =
  (context: RpcContext): Handler<typeof DeliveryService.method.retryDelivery> =>
  async ({ deliveryId }, call) => {
    const { config, reader } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const found = await reader.getRedelivery(tenancy, deliveryId)
    if (found === undefined) return noSuch("delivery")
    const { delivery } = found
    const act = async () => {
      if (config.table.subscription(delivery.subscriptionId)?.subscription.enabled !== true)
        return refuse("failed_precondition", "The subscription is disabled or deleted: nothing can be sent to it.")
      await retry(context, call, found)
      return shownAfter(context, tenancy, delivery)
    }
    const shown = await once(context, call, deliveryDeed(delivery, act))
    if (isRefusal(shown)) return shown
    const [told] = await withStory(context, [shown])
    return create(RetryDeliveryResponseSchema, told ? { delivery: told } : {})
  }

async function retry({ config, log, nowMs }: RpcContext, call: Call, found: Redelivery): Promise<void> {
  const { delivery, roundFirst } = found
  const event = await acceptedEvent(log, found)
  const actor = create(ActorSchema, { id: call.caller.keyId, requestId: call.requestId })
  const how = { actor, nowMs: nowMs(), configPosition: config.position }
  if (!isWaiting(delivery)) return appendRequeued(log, [decideRequeue(lastTryOf({ delivery, event }), { ...how, taskId: "" })])
  const value = toBinary(ControlRecordSchema, decideRunTry({ delivery, event, roundFirst }, how))
  await log.append([{ topic: "control", key: delivery.subscriptionId, value }])
}
