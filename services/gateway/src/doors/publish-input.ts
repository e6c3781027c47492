import { toJson } from "@bufbuild/protobuf"
import { type Timestamp, timestampMs, ValueSchema } from "@bufbuild/protobuf/wkt"
import { type PublishInput, refuse, type Refusal } from "@posthorn/core"
import type { PublishRequest } from "@posthorn/proto"

/** What an event without a payload carries: the JSON value. */
export const NULL_PAYLOAD = Buffer.from("null")

/** A typed request as every publish is read. A JSON value is written anew: over gRPC and Connect it was never bytes. */
export function publishInputOf(request: PublishRequest): PublishInput | Refusal {
  const { applicationId, type, contentType, id, idempotencyKey, metadata, typeVersion } = request
  const payload = request.content.case === "payload" ? request.content.value : valueBytes(request)
  if (payload === undefined)
    return refuse("invalid_argument", "The event has fields that cannot be read.", {
      details: [{ field: "data", reason: "has a number that JSON cannot write" }],
    })
  const times = { occurredAtMs: millis(request.occurredAt), deliverAtMs: millis(request.deliverAt) }
  return {
    applicationId,
    type,
    payload,
    contentType,
    id,
    idempotencyKey,
    metadata,
    typeVersion,
    ...times,
    wellFormed: request.content.case !== "payload",
  }
}

function valueBytes({ content }: PublishRequest): Uint8Array | undefined {
  if (content.case !== "data" || content.value.kind.case === undefined) return NULL_PAYLOAD
  try {
    return Buffer.from(JSON.stringify(toJson(ValueSchema, content.value)))
  } catch {
    return undefined // The one thing that it cannot write is a number that is not finite.
  }
}

const millis = (time: Timestamp | undefined): number | undefined => (time === undefined ? undefined : timestampMs(time))
