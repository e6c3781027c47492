import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import * as limits from "../limits.ts"
import { refuse, type Refusal, type Violation } from "../refusal.ts"
import { isDotted } from "./event-type-name.ts"
import { isJsonType, parsesAsJson } from "./json-content.ts"
import { retentionClassOf } from "./retention-class.ts"

/** What a publisher asks for, from whichever door. */
export interface PublishInput {
  readonly applicationId: string
  readonly type: string
  readonly payload: Uint8Array
  /** Empty = `application/json`. */
  readonly contentType: string
  /** The caller's own id; empty = none. Stands in for `idempotencyKey`. */
  readonly id: string
  /** Empty = none. */
  readonly idempotencyKey: string
  readonly metadata: Readonly<Record<string, string>>
  /** Unix milliseconds. */
  readonly occurredAtMs?: number | undefined
  /** Unix milliseconds. */
  readonly deliverAtMs?: number | undefined
  /** The version of the event type that the payload follows; absent and 0 = the newest. */
  readonly typeVersion?: number | undefined
  /** Whether the payload is known to be well-formed JSON, because the door cut it out of JSON that it parsed. */
  readonly wellFormed: boolean
}

export interface AcceptContext {
  readonly eventId: string
  readonly nowMs: number
  /** The system's time, by which publishers give theirs. */
  readonly wallMs: number
  /** The next offset of `config` that the gateway will read. */
  readonly configPosition: number
  /** What the application has set; 0 = nothing. */
  readonly retentionHours: number
  /** Set by ingest: the one subscription that gets the event, with the body as it is. */
  readonly onlySubscriptionId?: string
}

const CONTENT_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;[\x20-\x7e]*)?$/
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/** An event as it goes into the log, or every reason why not. */
export function acceptEvent(input: PublishInput, context: AcceptContext): EventAccepted | Refusal {
  if (input.payload.length > limits.PAYLOAD_BYTES_MAX) {
    const reason = `must be at most ${limits.PAYLOAD_BYTES_MAX} bytes, has ${input.payload.length}`
    return refuse("invalid_argument", "The payload is too large.", { details: [{ field: "payload", reason }], httpStatus: 413 })
  }
  const details = violationsOf(input, context)
  if (details.length > 0) return refuse("invalid_argument", "The event has fields that cannot be accepted.", { details })
  return create(EventAcceptedSchema, {
    eventId: context.eventId,
    applicationId: input.applicationId,
    type: input.type,
    contentType: contentTypeOf(input),
    payload: input.payload,
    metadata: { ...input.metadata },
    idempotencyKey: idempotencyKeyOf(input),
    acceptedAt: timestampFromMs(context.nowMs),
    occurredAt: timestampFromMs(input.occurredAtMs ?? context.nowMs),
    ...(input.deliverAtMs === undefined ? {} : { deliverAt: timestampFromMs(input.deliverAtMs) }),
    configPosition: BigInt(context.configPosition),
    onlySubscriptionId: context.onlySubscriptionId ?? "",
    retentionHours: retentionClassOf(context.retentionHours),
  })
}

/** The key that makes a repeated request the same event; empty = none. */
export const idempotencyKeyOf = (input: PublishInput): string => input.idempotencyKey || input.id

export const contentTypeOf = (input: PublishInput): string => input.contentType || "application/json"

function violationsOf(input: PublishInput, context: AcceptContext): Violation[] {
  const details: Violation[] = []
  const check = (field: string, ok: boolean, reason: string) => void (ok || details.push({ field, reason }))
  const contentType = contentTypeOf(input)
  check("type", input.type !== "", "must not be empty")
  check("type", input.type === "" || isDotted(input.type), "must be words of letters, digits, _ and - joined by dots, like order.created")
  check("type", input.type.length <= limits.EVENT_TYPE_LENGTH_MAX, `must have at most ${limits.EVENT_TYPE_LENGTH_MAX} characters`)
  check("content_type", contentType.length <= 200 && CONTENT_TYPE.test(contentType), "must be a media type, like application/json")
  const published = context.onlySubscriptionId === undefined
  if (published && !input.wellFormed && isJsonType(contentType))
    check("payload", parsesAsJson(input.payload), `must be JSON in UTF-8, as its content type ${contentType} says`)
  for (const [field, key] of [
    ["id", input.id],
    ["idempotency_key", input.idempotencyKey],
  ] as const) {
    check(
      field,
      key.length <= limits.IDEMPOTENCY_KEY_LENGTH_MAX && !CONTROL.test(key),
      `must have at most ${limits.IDEMPOTENCY_KEY_LENGTH_MAX} characters and no control characters`,
    )
  }
  check("type_version", (input.typeVersion ?? 0) >= 0, "must be a number from 1")
  details.push(...metadataViolations(input.metadata))
  if (input.deliverAtMs !== undefined)
    check("deliver_at", input.deliverAtMs <= context.wallMs + limits.DELIVER_AHEAD_MS_MAX, "must be at most 30 days ahead")
  return details
}

function metadataViolations(metadata: Readonly<Record<string, string>>): Violation[] {
  const entries = Object.entries(metadata)
  const details: Violation[] = []
  if (entries.length > limits.METADATA_ENTRIES_MAX)
    details.push({ field: "metadata", reason: `must have at most ${limits.METADATA_ENTRIES_MAX} entries` })
  for (const [name, value] of entries.slice(0, limits.METADATA_ENTRIES_MAX)) {
    if (name === "" || name.length > limits.METADATA_NAME_LENGTH_MAX)
      details.push({ field: "metadata", reason: `names must have 1 to ${limits.METADATA_NAME_LENGTH_MAX} characters` })
    if (value.length > limits.METADATA_VALUE_LENGTH_MAX)
      details.push({ field: `metadata.${name.slice(0, 100)}`, reason: `must have at most ${limits.METADATA_VALUE_LENGTH_MAX} characters` })
  }
  return details
}
