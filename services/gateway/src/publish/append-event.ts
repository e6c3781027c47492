import { toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import type { AppendClass, LogAppender } from "@posthorn/log"

/** Resolves once the event is in the log: from then on it is accepted. Rejects with `LogUnavailable`. */
export async function appendEvent(log: LogAppender, event: EventAccepted, appendClass?: AppendClass): Promise<void> {
  const topic = event.bulk ? "events.bulk" : "events"
  await log.append([{ topic, key: `${event.applicationId}/${event.eventId}`, value: encode(event) }], appendClass)
}

const NO_PAYLOAD = new Uint8Array()

/** The message, with its payload copied once: the library's writer grows by doubling, and a payload is most of an event. */
function encode(event: EventAccepted): Uint8Array {
  const facts = toBinary(EventAcceptedSchema, { ...event, payload: NO_PAYLOAD })
  const head = new BinaryWriter()
    .tag(EventAcceptedSchema.field.payload.number, WireType.LengthDelimited)
    .uint32(event.payload.length)
    .finish()
  return Buffer.concat([facts, head, event.payload])
}
