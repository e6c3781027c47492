import { create } from "@bufbuild/protobuf"
import { isWaiting, REASONS, type ConfigTable } from "@posthorn/core"
import { DeliverySchema, type Delivery } from "@posthorn/proto"

/** A delivery that waits for a paused subscription says so; the view knows of no pause. */
export function withPause(table: ConfigTable, delivery: Delivery): Delivery {
  const paused = isWaiting(delivery) && table.subscription(delivery.subscriptionId)?.subscription.paused === true
  return paused ? create(DeliverySchema, { ...delivery, reason: REASONS.paused }) : delivery
}
