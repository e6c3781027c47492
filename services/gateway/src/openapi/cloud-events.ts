import { limits } from "@posthorn/core"
import { PublishRequestSchema } from "@posthorn/proto"
import { keywordsOf, type Schema } from "./field-rules.ts"

const CONTROL_FREE = String.raw`^[^\x00-\x1f\x7f]*$`

const { contentType, type } = PublishRequestSchema.field

/** An attribute that becomes metadata. */
const text: Schema = { type: ["string", "null"], pattern: CONTROL_FREE, maxLength: limits.METADATA_VALUE_LENGTH_MAX }
const neededText: Schema = { ...text, type: "string", minLength: 1 }

const cloudEvent: Schema = {
  type: "object",
  description:
    "A CloudEvent 1.0. Attributes that an event has no place for become its metadata, behind `ce_`; `source` and `id` are its idempotency key. Null says as much as leaving an attribute out.",
  properties: {
    specversion: { const: "1.0" },
    id: neededText,
    source: { ...neededText, description: "A URI reference." },
    type: { type: "string", ...keywordsOf(type) },
    time: { type: ["string", "null"], format: "date-time" },
    datacontenttype: { type: ["string", "null"], ...keywordsOf(contentType) },
    subject: text,
    dataschema: { ...text, description: "A URI." },
    data: {},
    data_base64: { type: ["string", "null"], contentEncoding: "base64" },
  },
  required: ["specversion", "id", "source", "type"],
  additionalProperties: {
    type: ["string", "number", "boolean", "null"],
    pattern: CONTROL_FREE,
    maxLength: limits.METADATA_VALUE_LENGTH_MAX,
  },
  propertyNames: { pattern: "^([a-z0-9]+|data_base64)$", maxLength: 90 },
  maxProperties: limits.METADATA_ENTRIES_MAX,
  not: { required: ["data", "data_base64"], properties: { data_base64: { type: "string" } } },
}

/** The schemas of CloudEvents, which come from elsewhere. */
export const cloudEventSchemas: Readonly<Record<string, Schema>> = { CloudEvent: cloudEvent }

const reference = { $ref: "#/components/schemas/CloudEvent" }

/** How publishing takes CloudEvents: one, or several, which are then answered as a batch. The binary mode has them in headers. */
export const cloudEventContent: Schema = {
  "application/cloudevents+json": { schema: reference },
  "application/cloudevents-batch+json": { schema: { type: "array", minItems: 1, maxItems: limits.BATCH_EVENTS_MAX, items: reference } },
}
