import { decode, type LogReader } from "@posthorn/log"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import type { AcceptedEvent } from "@posthorn/store"

/** An event as it was accepted: the log's own record, or what the view kept of it once the log has let it go. */
export async function acceptedEvent(log: LogReader, { event, place }: AcceptedEvent): Promise<EventAccepted> {
  let accepted: EventAccepted | undefined
  if (place !== undefined) {
    const { topic, partition, offset } = place
    await log.read([{ topic, partition, from: offset, to: offset + 1 }], (records) => {
      for (const { value } of records) accepted = decode(EventAcceptedSchema, value)
    })
  }
  // A log that was begun anew has something else there.
  return accepted?.eventId === event.eventId ? accepted : event
}
