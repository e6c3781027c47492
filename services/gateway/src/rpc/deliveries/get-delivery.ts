import { create } from "@bufbuild/protobuf"
import { isRefusal, noSuch } from "@posthorn/core"
import { GetDeliveryResponseSchema, type DeliveryService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withPause } from "../subscriptions/with-pause.ts"

export const getDelivery =
  ({ config, reader }: RpcContext): Handler<typeof DeliveryService.method.getDelivery> =>
  async ({ deliveryId }, call) => {
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const delivery = await reader.getDelivery(tenancy, deliveryId)
    return delivery ? create(GetDeliveryResponseSchema, { delivery: withPause(config.table, delivery) }) : noSuch("delivery")
  }
