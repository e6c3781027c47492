import { timestampDate } from "@bufbuild/protobuf/wkt"
import { BodyStyle, type EventAccepted } from "@posthorn/proto"
import { assert } from "../assert.ts"
import { isJsonType, parsesAsJson } from "./json-content.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export interface Body {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/**
 * The bytes that an endpoint gets: a function of the event and the style alone, so that every attempt sends the same.
 * The payload's bytes are copied, never re-serialised. In an envelope, text that is not JSON becomes a JSON string and other bytes become
 * base64 in `data`, with `"dataEncoding":"base64"` beside it.
 */
export function composeBody(event: EventAccepted, style: BodyStyle, toBase64: (bytes: Uint8Array) => string): Body {
  const envelope = style === BodyStyle.ENVELOPE || (style === BodyStyle.UNSPECIFIED && event.onlySubscriptionId === "")
  if (!envelope) return { bytes: event.payload, contentType: event.contentType }
  assert(event.occurredAt, "an accepted event has a time")
  const timestamp = timestampDate(event.occurredAt).toISOString()
  const head = encoder.encode(
    `{"id":${JSON.stringify(event.eventId)},"event":${JSON.stringify(event.type)},"timestamp":"${timestamp}","data":`,
  )
  const { data, note } = dataOf(event, toBase64)
  const tail = encoder.encode(`${note},"metadata":${JSON.stringify(event.metadata)}}`)
  const bytes = new Uint8Array(head.length + data.length + tail.length)
  bytes.set(head)
  bytes.set(data, head.length)
  bytes.set(tail, head.length + data.length)
  return { bytes, contentType: "application/json" }
}

function dataOf(event: EventAccepted, toBase64: (bytes: Uint8Array) => string): { data: Uint8Array; note: string } {
  if (event.payload.length === 0) return { data: encoder.encode("null"), note: "" }
  // What was published as JSON was checked when it was accepted; what came in by ingest was not.
  if (isJsonType(event.contentType) && (event.onlySubscriptionId === "" || parsesAsJson(event.payload)))
    return { data: event.payload, note: "" }
  try {
    return { data: encoder.encode(JSON.stringify(decoder.decode(event.payload))), note: "" }
  } catch {
    // Not text: the decoder is strict.
    return { data: encoder.encode(`"${toBase64(event.payload)}"`), note: ',"dataEncoding":"base64"' }
  }
}
