/**
 * The routes that carry the load, by hand on node:http. They keep the bytes that the sender wrote, which a transcoder by way of messages could not,
 * and make nothing on the way that they do not need.
 */
import { isRefusal, jsonElements, limits, type PublishInput, refuse, type Refusal } from "@posthorn/core"
import { IngestService } from "@posthorn/proto"
import type { PublishPort } from "../call.ts"
import { cloudEventModeOf } from "../publish/cloud-event-attributes.ts"
import { readBody, refuseOtherThanJson } from "./body.ts"
import { type Entry, operationOf } from "./entry.ts"
import type { Exchange, HttpDoor } from "./exchange.ts"
import { elementBodies, readJsonObject } from "./json-body.ts"
import { type PublishBatch, refuseCount } from "./publish-batch.ts"
import { readCloudEventBatch, readOneCloudEvent } from "./publish-cloud-event.ts"
import { publishInputFromJson, type PublishJson } from "./publish-json.ts"

const PUBLISH = operationOf(IngestService.method.publish)
const PUBLISH_BATCH = operationOf(IngestService.method.publishBatch)
const INGEST = "ingest"
const INGEST_PATH = "/v1/ingest/"

export function publishDoor(entry: Entry, port: PublishPort, publishBatch: PublishBatch): HttpDoor {
  return (exchange) => {
    const { path } = exchange
    if (path.startsWith(INGEST_PATH) && !path.includes("/", INGEST_PATH.length) && path.length > INGEST_PATH.length) {
      if (exchange.method === "POST") void ingest(exchange, entry, port)
      else exchange.refuseMethod(["POST"])
      return true
    }
    if (exchange.method !== "POST") return false
    if (path === "/v1/events" && cloudEventModeOf(exchange.request.headers) === "batch") void batch(exchange, entry, publishBatch)
    else if (path === "/v1/events") void publish(exchange, entry, port)
    else if (path === "/v1/events:batch") void batch(exchange, entry, publishBatch)
    else return false
    return true
  }
}

async function publish(exchange: Exchange, entry: Entry, port: PublishPort): Promise<void> {
  const result = await entry.enter(PUBLISH, exchange, async (call) => {
    const input = await readPublish(exchange)
    return isRefusal(input) ? input : port.publish(input, call)
  })
  if (isRefusal(result)) exchange.refuse(result)
  else exchange.sendJson(202, { id: result.id, duplicate: result.duplicate })
}

async function readPublish(exchange: Exchange): Promise<PublishInput | Refusal> {
  const mode = cloudEventModeOf(exchange.request.headers)
  const key = exchange.request.headers["idempotency-key"]
  if (mode === "structured" || mode === "binary") {
    const event = await readOneCloudEvent(exchange, mode)
    // What the sender asks for goes before what would be made of its id.
    return isRefusal(event) || typeof key !== "string" || key === "" ? event : { ...event, idempotencyKey: key }
  }
  const body = await readJson(exchange, limits.PUBLISH_BYTES_MAX)
  if (isRefusal(body)) return body
  const input = publishInputFromJson(body)
  if (isRefusal(input) || typeof key !== "string" || key === "" || key === input.idempotencyKey) return input
  if (input.idempotencyKey === "") return { ...input, idempotencyKey: key }
  return refuse("invalid_argument", "Two idempotency keys.", {
    details: [{ field: "idempotency-key", reason: "differs from idempotency_key in the body" }],
  })
}

async function batch(exchange: Exchange, entry: Entry, publishBatch: PublishBatch): Promise<void> {
  const result = await entry.enter(PUBLISH_BATCH, exchange, async (call) => {
    const inputs = await readBatch(exchange)
    return isRefusal(inputs) ? inputs : publishBatch(inputs, call)
  })
  if (isRefusal(result)) return exchange.refuse(result)
  const results = result.results.map(({ result: item }) => {
    if (item.case === "accepted") return { accepted: { id: item.value.id, duplicate: item.value.duplicate } }
    const { code, message, details, retryAfterSeconds } = item.value ?? { code: "internal", message: "", details: [] }
    const again = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
    return { refused: { code, message, details: details.map(({ field, reason }) => ({ field, reason })), ...again } }
  })
  exchange.sendJson(202, { results })
}

async function readBatch(exchange: Exchange): Promise<readonly (PublishInput | Refusal)[] | Refusal> {
  if (cloudEventModeOf(exchange.request.headers) === "batch") return readCloudEventBatch(exchange)
  const body = await readJson(exchange, limits.REQUEST_BYTES_MAX)
  return isRefusal(body) ? body : batchInputs(body)
}

/** The events of a batch, each read for itself. */
function batchInputs({ value, members, bytes }: PublishJson): readonly (PublishInput | Refusal)[] | Refusal {
  const unknown = Object.keys(value).filter((name) => name !== "events")
  if (unknown.length > 0)
    return refuse("invalid_argument", "The request has fields that cannot be read.", {
      details: unknown.map((field) => ({ field, reason: "is not known" })),
    })
  const events = value["events"]
  const range = members.get("events")
  if (!Array.isArray(events) || range === undefined)
    return refuse("invalid_argument", "The request has no events.", { details: [{ field: "events", reason: "must be an array" }] })
  const refused = refuseCount(events.length)
  if (refused !== undefined) return refused
  const elements = jsonElements(bytes, range)
  if ("reason" in elements) return refuse("invalid_argument", "The request has no events.", { details: [elements] })
  const items = elementBodies(bytes, { values: events, elements })
  return items.map((item) => (isRefusal(item) ? item : publishInputFromJson({ ...item, bytes })))
}

async function readJson(exchange: Exchange, bytesMax: number): Promise<PublishJson | Refusal> {
  const bytes = await readBody(exchange.request, bytesMax)
  if (isRefusal(bytes)) return bytes
  const json = refuseOtherThanJson(exchange.request, bytes) ?? readJsonObject(bytes)
  return isRefusal(json) ? json : { ...json, bytes }
}

async function ingest(exchange: Exchange, entry: Entry, port: PublishPort): Promise<void> {
  const { requestId, remoteAddress, tell } = exchange
  const { headers } = exchange.request
  const result = await entry.watch(INGEST, exchange, async () => {
    const body = await readBody(exchange.request, limits.PAYLOAD_BYTES_MAX)
    if (isRefusal(body)) return body
    const subscriptionId = exchange.path.slice(INGEST_PATH.length)
    const accepted = await port.ingest({ subscriptionId, headers, body, requestId, remoteAddress, tell })
    return isRefusal(accepted) && accepted.code === "unauthenticated"
      ? entry.note(accepted, { name: INGEST, arrival: exchange, caller: undefined, entityId: subscriptionId })
      : accepted
  })
  if (isRefusal(result)) exchange.refuse(result)
  else if (result.challenge !== undefined) exchange.sendJson(200, { challenge: result.challenge })
  else exchange.sendJson(202, { eventId: result.eventId, deliveryId: result.deliveryId })
}
