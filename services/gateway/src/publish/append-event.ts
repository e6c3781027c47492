import { toBinary } from "@bufbuild/protobuf"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import type { LogAppender } from "@posthorn/log"

/** Resolves once the event is in the log: from then on it is accepted. Rejects with `LogUnavailable`. */
export async function appendEvent(log: LogAppender, event: EventAccepted): Promise<void> {
  await log.append([{ topic: "events", key: `${event.applicationId}/${event.eventId}`, value: toBinary(EventAcceptedSchema, event) }])
}
