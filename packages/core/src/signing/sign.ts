import { SignatureStyle } from "@posthorn/proto"
import type { PreparedSecret } from "./keys.ts"

const encoder = new TextEncoder()

export interface SignQuestion {
  /** `webhook-id`: the delivery's id. Holds no dot. */
  readonly id: string
  /** When the attempt is made, unix seconds. */
  readonly timestampSeconds: number
  /** The very bytes that are sent. */
  readonly body: Uint8Array
  /** Every secret that signs now, newest first. Empty = unsigned. */
  readonly secrets: readonly PreparedSecret[]
  readonly style: SignatureStyle
}

/** The signature headers of an attempt, lower-case names. Standard Webhooks always (https://www.standardwebhooks.com), one more header by style. */
export function sign({ id, timestampSeconds, body, secrets, style }: SignQuestion): Record<string, string> {
  const [newest] = secrets
  if (!newest) return {}
  const content = [encoder.encode(`${id}.${timestampSeconds}.`), body]
  const headers: Record<string, string> = { "webhook-signature": secrets.map((secret) => secret.standard(content)).join(" ") }
  switch (style) {
    case SignatureStyle.HUB:
      headers["x-hub-signature-256"] = `sha256=${newest.plain.digest([body], "hex")}`
      return headers
    case SignatureStyle.X_WEBHOOK_SIGNATURE:
      headers["x-webhook-signature"] = `sha256=${newest.plain.digest([body], "hex")}`
      return headers
    case SignatureStyle.X_SIGNATURE:
      headers["x-signature"] = newest.plain.digest([body], "hex")
      return headers
    default:
      return headers
  }
}
