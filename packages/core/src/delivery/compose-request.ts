import type { DeliveryDue, Subscription } from "@posthorn/proto"
import { assert } from "../assert.ts"
import { composeBody } from "../event/compose-body.ts"
import * as limits from "../limits.ts"
import type { Crypto, PreparedSecret } from "../signing/keys.ts"
import { sign } from "../signing/sign.ts"
import { VERSION } from "../version.ts"

export interface ComposedRequest {
  readonly method: string
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly timeoutMs: number
}

export interface RequestQuestion {
  readonly due: DeliveryDue
  readonly subscription: Subscription
  readonly secrets: readonly PreparedSecret[]
  readonly nowMs: number
}

/** The request of an attempt. What Posthorn says comes after the subscription's own headers and wins. */
export function composeRequest({ due, subscription, secrets, nowMs }: RequestQuestion, crypto: Crypto): ComposedRequest {
  const { event } = due
  assert(event, "a due delivery carries its event")
  const body = composeBody(event, subscription.bodyStyle, crypto.toBase64)
  const timestampSeconds = Math.floor(nowMs / 1000)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(subscription.headers)) headers[name.toLowerCase()] = value
  Object.assign(headers, {
    "content-type": body.contentType,
    "user-agent": `Posthorn/${VERSION}`,
    "webhook-id": due.deliveryId,
    "webhook-timestamp": `${timestampSeconds}`,
    "posthorn-event-id": event.eventId,
    "posthorn-event-type": event.type,
    "posthorn-attempt": `${due.attempt}`,
    ...sign({ id: due.deliveryId, timestampSeconds, body: body.bytes, secrets, style: subscription.signatureStyle }),
  })
  return {
    method: subscription.method || "POST",
    url: subscription.url,
    headers,
    body: body.bytes,
    timeoutMs: subscription.timeoutMs || limits.ATTEMPT_TIMEOUT_MS_DEFAULT,
  }
}

const CONFIDENTIAL = /auth|cookie|token|secret|passw|api-?key|credential|session|signature/
const HIDDEN = "[hidden]"

/**
 * The headers as they may be shown: names that speak of a secret keep no value, nor does what a subscription adds of its own, which may be a secret
 * under any name. A signature is one too: with the body that it is over, it makes a request that an endpoint trusts.
 * @param own the subscription's
 */
export function visibleHeaders(
  headers: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const hidden = new Set(
    Object.entries(own).flatMap(([name, value]) => (headers[name.toLowerCase()] === value ? [name.toLowerCase()] : [])),
  )
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, hidden.has(name) || CONFIDENTIAL.test(name) ? HIDDEN : value]),
  )
}
