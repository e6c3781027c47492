import { create, type JsonValue } from "@bufbuild/protobuf"
import { composeBody, isRefusal, jsonOf, type Refusal } from "@posthorn/core"
import { type BodyStyle, EventAcceptedSchema, EventService } from "@posthorn/proto"
import type { DialectCalls } from "../dialect.ts"

const { getEvent, getEventPayload } = EventService.method

export interface SentPayload {
  /** As JSON, or as text when it is none; `null` = it is gone. */
  readonly json: JsonValue
}

/** What the endpoints of an event get that want this style. */
export async function sentPayload(calls: DialectCalls, eventId: string, style: BodyStyle): Promise<SentPayload | Refusal> {
  // The views may show an attempt before its event.
  const found = await calls.rpcOnceShown(getEvent, () => ({ eventId }))
  if (isRefusal(found)) return goneOr(found)
  const payload = await calls.rpc(getEventPayload, () => ({ eventId }))
  if (isRefusal(payload)) return goneOr(payload)
  const { type, metadata, occurredAt, onlySubscriptionId } = found.event ?? {}
  const event = create(EventAcceptedSchema, {
    eventId,
    type: type ?? "",
    metadata: metadata ?? {},
    onlySubscriptionId: onlySubscriptionId ?? "",
    contentType: payload.contentType,
    payload: payload.data,
    ...(occurredAt === undefined ? {} : { occurredAt }),
  })
  const { bytes } = composeBody(event, style, (data) => Buffer.from(data).toString("base64"))
  const json = jsonOf(bytes)
  return { json: json === undefined ? Buffer.from(bytes).toString() : json }
}

const goneOr = (refusal: Refusal): SentPayload | Refusal => (refusal.code === "not_found" ? { json: null } : refusal)
