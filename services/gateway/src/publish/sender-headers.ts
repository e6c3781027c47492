import type { IncomingHttpHeaders } from "node:http"
import { limits } from "@posthorn/core"
import { SourceScheme, type Source } from "@posthorn/proto"

const TYPE_DEFAULT = "webhook.received"
/** Headers by which senders number what they send, so that a repetition is recognised. */
const SENDER_IDS = ["webhook-id", "x-github-delivery"]
const SENDER_ID = /^[\x21-\x7e]+$/

/** A header's text; empty when it is absent or repeated. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === "string" ? value : ""
}

/** The event type by the header that names it, or the subscription's default. */
export function typeOf(headers: IncomingHttpHeaders, source: Source | undefined): string {
  const named = source?.eventTypeHeader ? [source.eventTypeHeader.toLowerCase()] : usualHeaders(source?.scheme)
  return named.map((name) => headerOf(headers, name)).find((type) => type !== "") ?? (source?.defaultEventType || TYPE_DEFAULT)
}

const usualHeaders = (scheme: SourceScheme | undefined): readonly string[] =>
  scheme === SourceScheme.HUB ? ["x-github-event", "x-webhook-event"] : ["x-webhook-event"]

/** The key that repetitions share; empty = none. `explicit`: the sender asked for it by `Idempotency-Key`, and wants to be refused rather than taken twice. */
export function senderKeyOf(headers: IncomingHttpHeaders): { readonly key: string; readonly explicit: boolean } {
  const asked = headerOf(headers, "idempotency-key")
  if (asked !== "") return { key: asked, explicit: true }
  // An id that we could not keep is as good as none.
  const isId = (id: string) => id.length <= limits.IDEMPOTENCY_KEY_LENGTH_MAX && SENDER_ID.test(id)
  return { key: SENDER_IDS.map((name) => headerOf(headers, name)).find(isId) ?? "", explicit: false }
}
