import { fromJson, type JsonValue } from "@bufbuild/protobuf"
import { base64Decode } from "@bufbuild/protobuf/wire"
import { timestampMs, TimestampSchema } from "@bufbuild/protobuf/wkt"
import { type PublishInput, refuse, type Refusal, type Violation } from "@posthorn/core"
import type { JsonBody } from "./json-body.ts"
import { NULL_PAYLOAD } from "./publish-input.ts"

/** One event as a REST body has it: the parsed members, where their values are, and the bytes that they are in. */
export type PublishJson = JsonBody & { readonly bytes: Buffer }

type Draft = { -readonly [Name in keyof PublishInput]: PublishInput[Name] }

/** Reads an event of a REST body; `data` keeps its bytes. Everything that cannot be read is answered at once. */
export function publishInputFromJson({ value, members, bytes }: PublishJson): PublishInput | Refusal {
  const draft: Draft = {
    applicationId: "",
    type: "",
    payload: NULL_PAYLOAD,
    contentType: "",
    id: "",
    idempotencyKey: "",
    metadata: {},
    typeVersion: 0,
    wellFormed: true,
  }
  const details: Violation[] = []
  const filled = new Set<string>()
  for (const name in value) {
    const field = FIELDS[name]
    const reason =
      field === undefined
        ? "is not known"
        : filled.has(field.fills)
          ? "says again what another field says"
          : field.read(draft, value[name] ?? null)
    if (reason !== undefined) details.push({ field: field?.name ?? name, reason })
    if (field !== undefined) filled.add(field.fills)
  }
  const data = members.get("data")
  if (data !== undefined) draft.payload = bytes.subarray(data.start, data.end)
  return details.length === 0 ? draft : refuse("invalid_argument", "The event has fields that cannot be read.", { details })
}

/** Answers why the value cannot be read. */
type Read = (draft: Draft, value: JsonValue) => string | undefined

const FIELDS = spellings({
  application_id: textOf("applicationId"),
  type: textOf("type"),
  content_type: textOf("contentType"),
  id: textOf("id"),
  idempotency_key: textOf("idempotencyKey"),
  data: () => undefined, // Any value will do; its bytes are taken, not its meaning.
  payload: readBase64,
  metadata: readMetadata,
  occurred_at: timeOf("occurredAtMs"),
  deliver_at: timeOf("deliverAtMs"),
  type_version: readTypeVersion,
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

function textOf(name: "applicationId" | "type" | "contentType" | "id" | "idempotencyKey"): Read {
  return (draft, value) => {
    if (typeof value === "string") draft[name] = value
    else if (value !== null) return "must be text"
    return undefined
  }
}

function timeOf(name: "occurredAtMs" | "deliverAtMs"): Read {
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

/** As protobuf's JSON has it: the number, or the same as text. */
function readTypeVersion(draft: Draft, value: JsonValue): string | undefined {
  if (value === null) return undefined
  const version = typeof value === "string" && /^-?\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof version !== "number" || (version | 0) !== version) return "must be a whole number of 32 bits"
  draft.typeVersion = version
  return undefined
}

function readMetadata(draft: Draft, value: JsonValue): string | undefined {
  if (value === null) return undefined
  if (typeof value !== "object" || Array.isArray(value) || !Object.values(value).every((item) => typeof item === "string"))
    return "must be an object whose values are text"
  draft.metadata = value as Record<string, string>
  return undefined
}
