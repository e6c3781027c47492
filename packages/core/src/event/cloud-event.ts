import { fromJson, type JsonValue } from "@bufbuild/protobuf"
import { timestampMs, TimestampSchema } from "@bufbuild/protobuf/wkt"
import { keyedEventIdOf } from "../ids.ts"
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "../limits.ts"
import { refuse, type Refusal, type Violation } from "../refusal.ts"

/** What a CloudEvent of version 1.0 says of itself, in the words of an event. */
export interface CloudEventFacts {
  readonly type: string
  /** Of `source` and `id`, which together are unlike every other event's. */
  readonly idempotencyKey: string
  readonly occurredAtMs: number | undefined
  /** Every attribute that has no other place, under its name behind `ce_`. */
  readonly metadata: Readonly<Record<string, string>>
  /** `datacontenttype`; empty = not said. */
  readonly contentType: string
}

/** Attributes by name, whatever they came in; without `data` and `data_base64`. */
export type CloudEventAttributes = ReadonlyMap<string, JsonValue>

const PREFIX = "ce_"
const REQUIRED = ["specversion", "id", "source", "type"]
/** Told by the event itself. */
const PLACED = new Set(["specversion", "type", "time", "datacontenttype"])
const NAME = /^[a-z0-9]+$/
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/** Reads the attributes, or says everything that is wrong with them, by the attributes' names. */
export function readCloudEvent(given: CloudEventAttributes): CloudEventFacts | Refusal {
  const texts = new Map<string, string>()
  const details: Violation[] = []
  for (const [name, value] of given) {
    if (value === null) continue // As good as not there.
    const text = typeof value === "object" ? undefined : String(value)
    const reason = faultOf(name, WORDS.has(name) && typeof value !== "string" ? undefined : text)
    if (reason !== undefined) details.push({ field: name.slice(0, 100), reason })
    else texts.set(name, text ?? "")
  }
  const text = (name: string): string => texts.get(name) ?? ""
  const wrong = new Set(details.map(({ field }) => field))
  for (const name of REQUIRED) if (text(name) === "" && !wrong.has(name)) details.push({ field: name, reason: "must be given" })
  if (texts.has("specversion") && text("specversion") !== "1.0") details.push({ field: "specversion", reason: "must be 1.0" })
  const occurredAtMs = texts.has("time") ? readTime(text("time")) : undefined
  if (Number.isNaN(occurredAtMs)) details.push({ field: "time", reason: "must be a time as in RFC 3339, like 2026-01-31T12:00:00Z" })
  if (details.length > 0) return refuse("invalid_argument", "The CloudEvent has attributes that cannot be accepted.", { details })
  const metadata = Object.fromEntries([...texts].filter(([name]) => !PLACED.has(name)).map(([name, value]) => [PREFIX + name, value]))
  const idempotencyKey = keyOf(text("source"), text("id"))
  return { type: text("type"), idempotencyKey, occurredAtMs, metadata, contentType: text("datacontenttype") }
}

const WORDS = new Set([...REQUIRED, "time", "datacontenttype", "subject", "dataschema"])

function faultOf(name: string, text: string | undefined): string | undefined {
  if (!NAME.test(name)) return "is no name of an attribute: lower-case letters and digits"
  if (text === undefined) return "must be text"
  return CONTROL.test(text) ? "must not have control characters" : undefined
}

function readTime(text: string): number {
  try {
    return timestampMs(fromJson(TimestampSchema, text))
  } catch {
    return Number.NaN // Its own message would repeat what was sent.
  }
}

/** A source is a URI reference and so has no space; what is too long for a key is kept as a digest. */
function keyOf(source: string, id: string): string {
  const key = `${source} ${id}`
  return key.length <= IDEMPOTENCY_KEY_LENGTH_MAX ? key : keyedEventIdOf("cloud-event", key)
}
