import { create } from "@bufbuild/protobuf"
import { isRefusal, noSuch } from "@posthorn/core"
import { GetDeliveryResponseSchema, type DeliveryService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withStory } from "./with-story.ts"

export const getDelivery =
  (context: RpcContext): Handler<typeof DeliveryService.method.getDelivery> =>
  async ({ deliveryId }, call) => {
    const tenancy = tenancyOf(context.config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const found = await context.reader.getDelivery(tenancy, deliveryId)
    if (found === undefined) return noSuch("delivery")
    const [delivery] = await withStory(context, [found])
    return create(GetDeliveryResponseSchema, delivery ? { delivery } : {})
  }
