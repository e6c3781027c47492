import { SourceScheme } from "@posthorn/proto"
import type { Crypto, PreparedSecret } from "./keys.ts"

const encoder = new TextEncoder()

/** How far a timestamp may be from now, either way. */
const TOLERANCE_SECONDS = 300
/** Signatures looked at in one header: more than any rotation needs. */
const SIGNATURES_MAX = 16

export interface VerifyQuestion {
  readonly scheme: SourceScheme
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
  readonly secret: PreparedSecret
  readonly nowSeconds: number
}

/**
 * Whether a request comes from who shares the secret. Every comparison takes the same time wherever the texts differ.
 * `NONE` and `UNSPECIFIED` prove nothing here and answer false: whoever allows them does not ask.
 */
export function verifySource(question: VerifyQuestion, crypto: Crypto): boolean {
  const { scheme, headers, body, secret } = question
  switch (scheme) {
    case SourceScheme.HUB:
      return same(`sha256=${secret.plain.digest([body], "hex")}`, one(headers["x-hub-signature-256"]).toLowerCase(), crypto)
    case SourceScheme.X_SIGNATURE:
      return same(
        secret.plain.digest([body], "hex"),
        one(headers["x-signature"])
          .toLowerCase()
          .replace(/^sha256=/, ""),
        crypto,
      )
    case SourceScheme.STANDARD_WEBHOOKS:
      return verifyStandard(question, crypto)
    default:
      return false
  }
}

function verifyStandard({ headers, body, secret, nowSeconds }: VerifyQuestion, crypto: Crypto): boolean {
  const id = one(headers["webhook-id"])
  const timestamp = one(headers["webhook-timestamp"])
  if (id === "" || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) return false
  const expected = secret.standard([encoder.encode(`${id}.${timestamp}.`), body])
  const offered = one(headers["webhook-signature"]).split(" ").slice(0, SIGNATURES_MAX)
  // Every one is compared, so that the time does not tell which one was right.
  return offered.map((signature) => same(expected, signature, crypto)).includes(true)
}

const one = (header: string | readonly string[] | undefined): string => (typeof header === "string" ? header : "")

/** Lengths are no secret; what differs in length is compared with itself so that the answer costs the same. */
function same(expected: string, offered: string, crypto: Crypto): boolean {
  const comparable = offered.length === expected.length
  return crypto.equal(expected, comparable ? offered : expected) && comparable
}
