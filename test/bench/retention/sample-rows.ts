import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { foldStatus, type ProjectedRecord, type StatusRows } from "@posthorn/core"
import { AttemptRecordSchema, DeliveryFactsSchema, EventAcceptedSchema } from "@posthorn/proto"

let number = 0

/** So many events with a delivery each, none of which was there before, of these times in turn: what a projector writes at once. */
export function newRows(count: number, ...timesMs: readonly number[]): StatusRows {
  const records = Array.from({ length: count }, (_, index) => recordsOf(`${++number}`, timesMs[index % timesMs.length] ?? 0))
  return foldStatus(records.flat(), [])
}

function recordsOf(name: string, atMs: number): ProjectedRecord[] {
  const [eventId, acceptedAt] = [`evt_new_${name}`, timestampFromMs(atMs)]
  const delivery = create(DeliveryFactsSchema, {
    deliveryId: `dlv_new_${name}`,
    applicationId: "app_1",
    eventId,
    subscriptionId: "sub_1",
    eventType: "order.created",
    createdAt: acceptedAt,
  })
  const event = create(EventAcceptedSchema, { eventId, applicationId: "app_1", type: "order.created", acceptedAt })
  const created = create(AttemptRecordSchema, { record: { case: "created", value: { delivery, firstDueAt: acceptedAt } } })
  return [
    { topic: "events", partition: 0, offset: number, message: event },
    { topic: "attempts", partition: 0, offset: number, message: created },
  ]
}
