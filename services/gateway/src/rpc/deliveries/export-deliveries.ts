import { create } from "@bufbuild/protobuf"
import { isRefusal, limits } from "@posthorn/core"
import {
  DeliverySchema,
  ExportDeliveriesResponseSchema,
  ListDeliveriesRequestSchema,
  type Delivery,
  type DeliveryService,
} from "@posthorn/proto"
import type { FeedHandler } from "../../call.ts"
import { exported } from "../exported.ts"
import type { RpcContext } from "../rpc-context.ts"
import { listDeliveries } from "./list-deliveries.ts"

export const exportDeliveries = (context: RpcContext): FeedHandler<typeof DeliveryService.method.exportDeliveries> => {
  const list = listDeliveries(context)
  // The row says whose it is; without attempts it stays as it is when retention takes it meanwhile.
  const attempted = async (row: Delivery): Promise<Delivery> => {
    const whole = await context.reader.getDelivery({ applicationId: row.applicationId }, row.id)
    return create(DeliverySchema, { ...row, attempts: whole?.attempts ?? [] })
  }
  return async (request, call) =>
    exported({
      pageToken: request.pageToken,
      read: async (pageToken) => {
        const page = await list(
          { ...request, $typeName: ListDeliveriesRequestSchema.typeName, pageToken, pageSize: limits.PAGE_SIZE_MAX },
          call,
        )
        return isRefusal(page) ? page : { rows: page.deliveries, nextPageToken: page.nextPageToken }
      },
      messageOf: async (row, pageToken) =>
        create(ExportDeliveriesResponseSchema, { pageToken, delivery: request.withAttempts ? await attempted(row) : row }),
      signal: call.signal,
    })
}
