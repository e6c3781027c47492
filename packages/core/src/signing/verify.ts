import { HmacAlgorithm, SignatureEncoding, SourceScheme, type Source } from "@posthorn/proto"
import { prepareSecret, type Crypto, type HashName, type HmacKey } from "./keys.ts"

const encoder = new TextEncoder()

/** How far a timestamp may be from now, either way. */
const TOLERANCE_SECONDS = 300
/** Signatures looked at in one header: more than any rotation needs. */
const SIGNATURES_MAX = 16

export interface SignedRequest {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** As received. */
  readonly body: Uint8Array
  readonly nowSeconds: number
}

/** Whether a request comes from who shares the secret. Every comparison takes the same time wherever the texts differ. */
export type Verifier = (request: SignedRequest) => boolean

/** The header that holds the proof, lower-case; empty for a scheme that asks for no signature. */
export function proofHeaderOf({ scheme, signatureHeader }: Source): string {
  return scheme === SourceScheme.HMAC ? signatureHeader.toLowerCase() : (PROOFS.get(scheme) ?? "")
}

const PROOFS: ReadonlyMap<SourceScheme, string> = new Map([
  [SourceScheme.HUB, "x-hub-signature-256"],
  [SourceScheme.X_SIGNATURE, "x-signature"],
  [SourceScheme.STANDARD_WEBHOOKS, "webhook-signature"],
  [SourceScheme.STRIPE, "stripe-signature"],
  [SourceScheme.SHOPIFY, "x-shopify-hmac-sha256"],
  [SourceScheme.SLACK, "x-slack-signature"],
])

/**
 * Prepares the check of what comes in from a source. `NONE` and `UNSPECIFIED` prove nothing here and verify nothing: whoever allows them does not ask.
 * The secret is its UTF-8 bytes, also behind `whsec_` as Stripe writes it; only Standard Webhooks reads it as `prepareSecret` says.
 */
export function prepareVerifier(source: Source, secret: string, crypto: Crypto): Verifier {
  const header = proofHeaderOf(source)
  const plain = (algorithm: HashName = "sha256") => crypto.hmac(algorithm, encoder.encode(secret))
  switch (source.scheme) {
    case SourceScheme.HUB:
      return bodySignature({ header, prefixes: ["sha256="], key: plain(), encoding: "hex" }, crypto)
    case SourceScheme.X_SIGNATURE:
      return bodySignature({ header, prefixes: ["", "sha256="], key: plain(), encoding: "hex" }, crypto)
    case SourceScheme.SHOPIFY:
      return bodySignature({ header, prefixes: [""], key: plain(), encoding: "base64" }, crypto)
    case SourceScheme.HMAC: {
      const encoding = source.encoding === SignatureEncoding.BASE64 ? "base64" : "hex"
      return bodySignature({ header, prefixes: [source.prefix], key: plain(HASHES.get(source.algorithm)), encoding }, crypto)
    }
    case SourceScheme.STANDARD_WEBHOOKS: {
      const { standard } = prepareSecret(secret, crypto)
      return verifyStandard(standard, crypto)
    }
    case SourceScheme.STRIPE:
      return verifyStripe(plain(), crypto)
    case SourceScheme.SLACK:
      return verifySlack(plain(), crypto)
    default:
      return () => false
  }
}

const HASHES: ReadonlyMap<HmacAlgorithm, HashName> = new Map([
  [HmacAlgorithm.SHA1, "sha1"],
  [HmacAlgorithm.SHA512, "sha512"],
])

interface BodySignature {
  readonly header: string
  /** What may stand before a signature. */
  readonly prefixes: readonly string[]
  readonly key: HmacKey
  readonly encoding: "hex" | "base64"
}

/** Signatures of the body alone, one or several, joined by commas or spaces; hexadecimal ones in either case, with all that is before them. */
function bodySignature({ header, prefixes, key, encoding }: BodySignature, crypto: Crypto): Verifier {
  const canonical = (text: string): string => (encoding === "hex" ? text.toLowerCase() : text)
  return ({ headers, body }) => {
    const offered = canonical(one(headers[header])).split(/[\s,]+/, SIGNATURES_MAX)
    const behind = (prefix: string) => offered.filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length))
    return anySame(
      key.digest([body], encoding),
      prefixes.flatMap((prefix) => behind(canonical(prefix))),
      crypto,
    )
  }
}

/** https://www.standardwebhooks.com */
function verifyStandard(signatureOf: (parts: readonly Uint8Array[]) => string, crypto: Crypto): Verifier {
  return ({ headers, body, nowSeconds }) => {
    const id = one(headers["webhook-id"])
    const timestamp = one(headers["webhook-timestamp"])
    if (id === "" || !isRecent(timestamp, nowSeconds)) return false
    const expected = signatureOf([encoder.encode(`${id}.${timestamp}.`), body])
    return anySame(expected, one(headers["webhook-signature"]).split(" ", SIGNATURES_MAX), crypto)
  }
}

/** https://docs.stripe.com/webhooks#verify-manually */
function verifyStripe(key: HmacKey, crypto: Crypto): Verifier {
  return ({ headers, body, nowSeconds }) => {
    const items = one(headers["stripe-signature"])
      .split(",", SIGNATURES_MAX)
      .map((item) => item.trim())
    const valuesOf = (name: string) => items.filter((item) => item.startsWith(name)).map((item) => item.slice(name.length))
    const [timestamp = "", ...more] = valuesOf("t=")
    if (more.length > 0 || !isRecent(timestamp, nowSeconds)) return false
    return anySame(key.digest([encoder.encode(`${timestamp}.`), body], "hex"), valuesOf("v1="), crypto)
  }
}

/** https://docs.slack.dev/authentication/verifying-requests-from-slack */
function verifySlack(key: HmacKey, crypto: Crypto): Verifier {
  return ({ headers, body, nowSeconds }) => {
    const timestamp = one(headers["x-slack-request-timestamp"])
    if (!isRecent(timestamp, nowSeconds)) return false
    const expected = `v0=${key.digest([encoder.encode(`v0:${timestamp}:`), body], "hex")}`
    return anySame(expected, [one(headers["x-slack-signature"])], crypto)
  }
}

const isRecent = (timestamp: string, nowSeconds: number): boolean =>
  /^\d{1,12}$/.test(timestamp) && Math.abs(nowSeconds - Number(timestamp)) <= TOLERANCE_SECONDS

const one = (header: string | readonly string[] | undefined): string => (typeof header === "string" ? header : "")

/** Every one is compared, so that the time does not tell which one was right. */
const anySame = (expected: string, offered: readonly string[], crypto: Crypto): boolean =>
  offered.map((each) => same(expected, each, crypto)).includes(true)

/** Lengths are no secret; what differs in length is compared with itself so that the answer costs the same. */
function same(expected: string, offered: string, crypto: Crypto): boolean {
  const comparable = offered.length === expected.length
  return crypto.equal(expected, comparable ? offered : expected) && comparable
}
