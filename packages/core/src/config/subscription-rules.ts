import { HmacAlgorithm, SignatureEncoding, SignatureStyle, SourceScheme, type Source, type Subscription } from "@posthorn/proto"
import { isEventTypeName } from "../event/event-type-name.ts"
import * as limits from "../limits.ts"
import type { Violation } from "../refusal.ts"
import { filterViolations } from "../routing/filter-rules.ts"

const RETRY_DELAY_SECONDS_DEFAULT = 60

/** Headers of a request that HTTP, the network around us, or Posthorn owns: a subscription cannot set them. */
const OWNED_HEADERS = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "metadata-flavor",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "webhook-id",
  "webhook-signature",
  "webhook-timestamp",
  "x-google-metadata-request",
  "x-hub-signature",
  "x-hub-signature-256",
  "x-signature",
  "x-webhook-signature",
])
const OWNED_PREFIXES = ["posthorn-", "proxy-", "x-aws-ec2-metadata-token", "x-forwarded-"]
// What an HTTP header can carry: visible Latin-1 characters, spaces and tabs.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const ED25519_KEY = /^(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)$/
const SECRET_FORM = "must have base64 behind whsec_, or an ed25519 key in base64 behind whsk_"

/** Whether a text can be a secret: what announces a Standard Webhooks key must be one, anything else is used as its UTF-8 bytes. */
function isSecret(secret: string): boolean {
  if (secret.startsWith("whsk_")) return ED25519_KEY.test(secret.slice(5))
  return !secret.startsWith("whsec_") || (secret.length > 6 && BASE64.test(secret.slice(6)))
}

/** What is wrong with a secret, if anything is. */
export const secretFault = (secret: string): string | undefined => (isSecret(secret) ? undefined : SECRET_FORM)

/** Whether whoever posts to the ingest address of a subscription must hold a secret. */
export const needsSecret = (scheme: SourceScheme | undefined): boolean =>
  scheme !== undefined && scheme !== SourceScheme.UNSPECIFIED && scheme !== SourceScheme.NONE

/** The rules that the contract's own annotations cannot say. */
export function subscriptionViolations(subscription: Subscription): Violation[] {
  const violations: Violation[] = []
  const check = (field: string, ok: boolean, reason: string) => void (ok || violations.push({ field: `subscription.${field}`, reason }))
  for (const [name, value] of Object.entries(subscription.headers)) {
    check(`headers.${name}`, !isOwned(name.toLowerCase()), "this header belongs to Posthorn or to HTTP")
    check(`headers.${name}`, HEADER_VALUE.test(value), "the value has characters that a header cannot carry")
  }
  const { source, retryPolicy } = subscription
  check("secret", isSecret(subscription.secret ?? ""), SECRET_FORM)
  if (source !== undefined) violations.push(...sourceViolations(source))
  const both = retryPolicy !== undefined && retryPolicy.delaysSeconds.length > 0 && retryPolicy.retryCount !== undefined
  check("retry_policy", !both, "must have delays_seconds or retry_count, not both")
  if (subscription.filter !== undefined) violations.push(...filterViolations(subscription.filter, "subscription.filter"))
  return violations
}

function sourceViolations(source: Source): Violation[] {
  const violations: Violation[] = []
  const check = (field: string, ok: boolean, reason: string) =>
    void (ok || violations.push({ field: `subscription.source.${field}`, reason }))
  const { scheme, secret, defaultEventType, signatureHeader } = source
  // Others write what they like behind whsec_, and take it as text.
  check("secret", scheme !== SourceScheme.STANDARD_WEBHOOKS || isSecret(secret), SECRET_FORM)
  check(
    "default_event_type",
    defaultEventType === "" || isEventTypeName(defaultEventType),
    "must be words of letters, digits, _ and - joined by dots",
  )
  if (scheme === SourceScheme.HMAC) {
    check("signature_header", signatureHeader !== "", "this scheme needs the name of a header")
    return violations
  }
  const reason = "is for the scheme hmac alone"
  check("signature_header", signatureHeader === "", reason)
  check("algorithm", source.algorithm === HmacAlgorithm.UNSPECIFIED, reason)
  check("encoding", source.encoding === SignatureEncoding.UNSPECIFIED, reason)
  check("prefix", source.prefix === "", reason)
  return violations
}

function isOwned(name: string): boolean {
  return OWNED_HEADERS.has(name) || OWNED_PREFIXES.some((prefix) => name.startsWith(prefix))
}

/** Spells out the defaults of what is not set, in place, so that a reader of the subscription sees what holds. */
export function fillDefaults(subscription: Subscription): void {
  subscription.method ||= "POST"
  subscription.enabled ??= true
  subscription.timeoutMs ||= limits.ATTEMPT_TIMEOUT_MS_DEFAULT
  subscription.signatureStyle ||= SignatureStyle.STANDARD
  const { retryPolicy, source, filter } = subscription
  // A filter that says nothing is none.
  if (filter !== undefined && Object.keys(filter).length === 0) delete subscription.filter
  if (source?.scheme === SourceScheme.HMAC) {
    source.algorithm ||= HmacAlgorithm.SHA256
    source.encoding ||= SignatureEncoding.HEX
  }
  if (retryPolicy?.retryCount !== undefined) retryPolicy.retryDelaySeconds ||= RETRY_DELAY_SECONDS_DEFAULT
  // A policy that says nothing is the default schedule.
  else if (retryPolicy?.delaysSeconds.length === 0) delete subscription.retryPolicy
}
