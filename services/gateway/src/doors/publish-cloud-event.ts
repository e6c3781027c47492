import type { IncomingHttpHeaders } from "node:http"
import { base64Decode } from "@bufbuild/protobuf/wire"
import {
  type CloudEventFacts,
  isJsonType,
  isRefusal,
  limits,
  type PublishInput,
  readCloudEvent,
  refuse,
  type Refusal,
} from "@posthorn/core"
import { attributesOfHeaders, attributesOfObject } from "../publish/cloud-event-attributes.ts"
import { readBody } from "./body.ts"
import type { Exchange } from "./exchange.ts"
import { elementBodies, readJsonArray, readJsonObject, type JsonBody } from "./json-body.ts"
import { refuseCount } from "./publish-batch.ts"
import { NULL_PAYLOAD } from "./publish-input.ts"
import type { PublishJson } from "./publish-json.ts"

/** Reads the one event of a request in the structured or the binary mode of CloudEvents 1.0 over HTTP. */
export async function readOneCloudEvent({ request }: Exchange, mode: "structured" | "binary"): Promise<PublishInput | Refusal> {
  const bytes = await readBody(request, mode === "binary" ? limits.PAYLOAD_BYTES_MAX : limits.PUBLISH_BYTES_MAX)
  if (isRefusal(bytes)) return bytes
  if (mode === "binary") return binaryInput(request.headers, bytes)
  const json = readJsonObject(bytes)
  return isRefusal(json) ? json : structuredInput({ ...json, bytes })
}

/** Reads the events of a request in the batched mode, each for itself. */
export async function readCloudEventBatch({ request }: Exchange): Promise<readonly (PublishInput | Refusal)[] | Refusal> {
  const bytes = await readBody(request, limits.REQUEST_BYTES_MAX)
  if (isRefusal(bytes)) return bytes
  const json = readJsonArray(bytes)
  if (isRefusal(json)) return json
  const refused = refuseCount(json.values.length)
  return refused ?? elementBodies(bytes, json).map((item) => (isRefusal(item) ? item : structuredInput({ ...item, bytes })))
}

function binaryInput(headers: IncomingHttpHeaders, payload: Buffer): PublishInput | Refusal {
  const facts = readCloudEvent(attributesOfHeaders(headers))
  if (isRefusal(facts)) return facts
  if (payload.length === 0) return inputOf(facts, { payload: NULL_PAYLOAD, contentType: "", wellFormed: true })
  return inputOf(facts, { payload, contentType: facts.contentType || "application/octet-stream", wellFormed: false })
}

function structuredInput({ value, members, bytes }: PublishJson): PublishInput | Refusal {
  const facts = readCloudEvent(attributesOfObject(value))
  if (isRefusal(facts)) return facts
  const data = dataOf({ value, members }, bytes, facts)
  return isRefusal(data) ? data : inputOf(facts, data)
}

type Data = Pick<PublishInput, "payload" | "contentType" | "wellFormed">

function dataOf({ value, members }: JsonBody, bytes: Buffer, { contentType }: CloudEventFacts): Data | Refusal {
  const { data, data_base64: encoded } = value
  const range = members.get("data")
  if (encoded !== undefined && encoded !== null) {
    if (range !== undefined) return fault("data_base64", "must not be there beside data")
    const payload = typeof encoded === "string" ? fromBase64(encoded) : undefined
    if (payload === undefined) return fault("data_base64", "must be base64")
    return { payload, contentType: contentType || "application/octet-stream", wellFormed: false }
  }
  if (range === undefined) return { payload: NULL_PAYLOAD, contentType: "", wellFormed: true }
  // Text that is not JSON comes as a JSON string; anything else is the JSON that it is.
  if (contentType !== "" && !isJsonType(contentType) && typeof data === "string")
    return { payload: Buffer.from(data), contentType, wellFormed: false }
  return { payload: bytes.subarray(range.start, range.end), contentType, wellFormed: true }
}

function inputOf({ type, idempotencyKey, occurredAtMs, metadata }: CloudEventFacts, data: Data): PublishInput {
  return { applicationId: "", type, id: "", idempotencyKey, metadata, occurredAtMs, ...data }
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return base64Decode(text)
  } catch {
    return undefined // It can fail in no other way.
  }
}

const fault = (field: string, reason: string): Refusal =>
  refuse("invalid_argument", "The CloudEvent has attributes that cannot be accepted.", { details: [{ field, reason }] })
