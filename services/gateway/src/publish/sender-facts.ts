import type { IncomingHttpHeaders } from "node:http"
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import { type CloudEventFacts, isEventTypeName, isRefusal, jsonOf, limits, readCloudEvent } from "@posthorn/core"
import { SourceScheme, type Source } from "@posthorn/proto"
import { attributesOfHeaders, attributesOfObject, cloudEventModeOf } from "./cloud-event-attributes.ts"

const TYPE_DEFAULT = "webhook.received"
/** Headers by which senders number what they send, so that a repetition is recognised. */
const SENDER_IDS = ["webhook-id", "x-github-delivery", "x-shopify-webhook-id"]
const SENDER_ID = /^[\x21-\x7e]+$/
const CHALLENGE_LENGTH_MAX = 1000

/** What a sender says about what it sends. */
export interface SenderFacts {
  /** The event type. */
  readonly type: string
  /** What repetitions share; empty = nothing. */
  readonly key: string
  /** Whether the sender asked for the key by `Idempotency-Key`, and wants to be refused rather than taken twice. */
  readonly explicit: boolean
  /** Unix milliseconds; `undefined` = it does not say. */
  readonly occurredAtMs?: number | undefined
  /** The sender asks whether somebody is there, and this is what it wants to hear. */
  readonly challenge?: string | undefined
}

interface Sent {
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** To be asked only once the sender is verified: the bodies of some are looked into. What a body says that we could not keep is as good as not said. */
export function senderFactsOf(sent: Sent, source: Source | undefined): SenderFacts {
  const said = saidInBody(source?.scheme, sent.body)
  const asked = headerOf(sent.headers, "idempotency-key")
  const numbers = [...SENDER_IDS.map((name) => headerOf(sent.headers, name)), said.id]
  const cloudEvent = cloudEventIn(sent)
  return {
    type: typeOf(sent.headers, source) || plainType(cloudEvent?.type ?? "") || said.type || source?.defaultEventType || TYPE_DEFAULT,
    key: asked || (numbers.find(isId) ?? cloudEvent?.idempotencyKey ?? ""),
    explicit: asked !== "",
    challenge: said.challenge,
    occurredAtMs: cloudEvent?.occurredAtMs,
  }
}

/** What a CloudEvent says of itself, in its headers or around its data; one that says it wrong is a body like any other. */
function cloudEventIn({ headers, body }: Sent): CloudEventFacts | undefined {
  const mode = cloudEventModeOf(headers)
  if (mode === undefined || mode === "batch") return undefined
  const facts = readCloudEvent(mode === "binary" ? attributesOfHeaders(headers) : attributesOfObject(membersOf(jsonOf(body))))
  return isRefusal(facts) ? undefined : facts
}

/** A header's text; empty when it is absent or repeated. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === "string" ? value : ""
}

function typeOf(headers: IncomingHttpHeaders, source: Source | undefined): string {
  if (source?.eventTypeHeader) return headerOf(headers, source.eventTypeHeader.toLowerCase())
  switch (source?.scheme) {
    case SourceScheme.HUB:
      return headerOf(headers, "x-github-event") || headerOf(headers, "x-webhook-event")
    case SourceScheme.SHOPIFY:
      return headerOf(headers, "x-shopify-topic").replaceAll("/", ".")
    case SourceScheme.STRIPE:
    case SourceScheme.SLACK:
      return ""
    default:
      return headerOf(headers, "x-webhook-event")
  }
}

interface SaidInBody {
  readonly type: string
  readonly id: string
  readonly challenge?: string | undefined
}

function saidInBody(scheme: SourceScheme | undefined, body: Uint8Array): SaidInBody {
  if (scheme !== SourceScheme.STRIPE && scheme !== SourceScheme.SLACK) return { type: "", id: "" }
  const said = membersOf(jsonOf(body))
  if (scheme === SourceScheme.STRIPE) return { type: typeIn(said), id: textOf(said["id"]) }
  const challenge = textOf(said["challenge"])
  return {
    type: typeIn(membersOf(said["event"])) || typeIn(said),
    id: textOf(said["event_id"]),
    challenge: said["type"] === "url_verification" && challenge.length <= CHALLENGE_LENGTH_MAX ? challenge : undefined,
  }
}

const membersOf = (value: JsonValue | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {}

const textOf = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "")

function typeIn(said: JsonObject): string {
  return plainType(textOf(said["type"]))
}

const plainType = (type: string): string => (isEventTypeName(type) ? type : "")

const isId = (id: string): boolean => id.length <= limits.IDEMPOTENCY_KEY_LENGTH_MAX && SENDER_ID.test(id)
