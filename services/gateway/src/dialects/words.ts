import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt"
import { DeliveryState } from "@posthorn/proto"

const STATUSES: ReadonlyMap<DeliveryState, string> = new Map([
  [DeliveryState.RETRYING, "retrying"],
  [DeliveryState.DELIVERED, "delivered"],
  [DeliveryState.DEAD, "failed"],
  [DeliveryState.CANCELLED, "cancelled"],
])

/** What a delivery's state is called where a document names no words of its own. */
export const statusOf = (state: DeliveryState): string => STATUSES.get(state) ?? "pending"

/** RFC 3339, or `null` for a time that there is not. */
export const timeOf = (time: Timestamp | undefined): string | null => (time === undefined ? null : timestampDate(time).toISOString())
