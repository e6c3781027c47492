import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf"
import { base64Decode } from "@bufbuild/protobuf/wire"
import { type Timestamp, timestampMs, TimestampSchema, ValueSchema } from "@bufbuild/protobuf/wkt"
import { type ByteRange, type PublishInput, refuse, type Refusal, type Violation } from "@posthorn/core"
import type { PublishRequest } from "@posthorn/proto"

const NULL = Buffer.from("null")

/** A typed request as every publish is read. A JSON value is written anew: over gRPC and Connect it was never bytes. */
export function publishInputOf(request: PublishRequest): PublishInput | Refusal {
  const { applicationId, type, contentType, id, idempotencyKey, metadata } = request
  const payload = request.content.case === "payload" ? request.content.value : valueBytes(request)
  if (payload === undefined) return refuse("invalid_argument", "The event has fields that cannot be read.", { details: [{ field: "data", reason: "has a number that JSON cannot write" }] })
  const times = { occurredAtMs: millis(request.occurredAt), deliverAtMs: millis(request.deliverAt) }
  return { applicationId, type, payload, contentType, id, idempotencyKey, metadata, ...times, wellFormed: request.content.case !== "payload" }
}

function valueBytes({ content }: PublishRequest): Uint8Array | undefined {
  if (content.case !== "data" || content.value.kind.case === undefined) return NULL
  try {
    return Buffer.from(JSON.stringify(toJson(ValueSchema, content.value)))
  } catch {
    return undefined // The one thing that it cannot write is a number that is not finite.
  }
}

const millis = (time: Timestamp | undefined): number | undefined => (time === undefined ? undefined : timestampMs(time))

/** One event as a REST body has it: the parsed members, and where their values are in the bytes. */
export interface PublishJson {
  readonly value: Readonly<Record<string, JsonValue>>
  readonly members: ReadonlyMap<string, ByteRange>
  readonly bytes: Buffer
}

type Draft = { -readonly [Name in keyof PublishInput]: PublishInput[Name] }

/** Reads an event of a REST body; `data` keeps its bytes. Everything that cannot be read is answered at once. */
export function publishInputFromJson({ value, members, bytes }: PublishJson): PublishInput | Refusal {
  const draft: Draft = { applicationId: "", type: "", payload: NULL, contentType: "", id: "", idempotencyKey: "", metadata: {}, wellFormed: true }
  const details: Violation[] = []
  const filled = new Set<string>()
  for (const name in value) {
    const field = FIELDS[name]
    const range = members.get(name)
    const reason = field === undefined || range === undefined ? "is not known" : filled.has(field.fills) ? "says again what another field says" : field.read(draft, value[name] ?? null, bytes, range)
    if (reason !== undefined) details.push({ field: field?.name ?? name, reason })
    if (field !== undefined) filled.add(field.fills)
  }
  return details.length === 0 ? draft : refuse("invalid_argument", "The event has fields that cannot be read.", { details })
}

/** Answers why the value cannot be read. */
type Read = (draft: Draft, value: JsonValue, bytes: Buffer, range: ByteRange) => string | undefined

const FIELDS = spellings({
  application_id: text("applicationId"),
  type: text("type"),
  content_type: text("contentType"),
  id: text("id"),
  idempotency_key: text("idempotencyKey"),
  data: (draft, _value, bytes, { start, end }) => void (draft.payload = bytes.subarray(start, end)),
  payload: readBase64,
  metadata: readMetadata,
  occurred_at: time("occurredAtMs"),
  deliver_at: time("deliverAtMs"),
})

interface PublishField {
  readonly name: string
  /** The payload has two fields, of which one may be used. */
  readonly fills: string
  readonly read: Read
}

function spellings(reads: Readonly<Record<string, Read>>): Readonly<Record<string, PublishField | undefined>> {
  const fields: Record<string, PublishField> = Object.create(null)
  for (const [name, read] of Object.entries(reads)) {
    const field = { name, fills: name === "data" ? "payload" : name, read }
    fields[name] = field
    fields[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = field
  }
  return fields
}

function text(name: "applicationId" | "type" | "contentType" | "id" | "idempotencyKey"): Read {
  return (draft, value) => {
    if (typeof value === "string") draft[name] = value
    else if (value !== null) return "must be text"
    return undefined
  }
}

function time(name: "occurredAtMs" | "deliverAtMs"): Read {
  return (draft, value) => {
    if (value === null) return undefined
    try {
      draft[name] = timestampMs(fromJson(TimestampSchema, value))
      return undefined
    } catch {
      return "must be a time as in RFC 3339, like 2026-01-31T12:00:00Z" // Its own message would repeat what was sent.
    }
  }
}

function readBase64(draft: Draft, value: JsonValue): string | undefined {
  if (value === null) return undefined
  try {
    if (typeof value !== "string") return "must be base64"
    draft.payload = base64Decode(value)
    draft.wellFormed = false
    return undefined
  } catch {
    return "must be base64" // It can fail in no other way.
  }
}

function readMetadata(draft: Draft, value: JsonValue): string | undefined {
  if (value === null) return undefined
  if (typeof value !== "object" || Array.isArray(value) || !Object.values(value).every((item) => typeof item === "string")) return "must be an object whose values are text"
  draft.metadata = value as Record<string, string>
  return undefined
}
