import {
  isRefusal,
  noSuch,
  prepareSecret,
  refuse,
  secretPlace,
  verifySource,
  type Crypto,
  type PreparedSecret,
  type Refusal,
  type SubscriptionEntity,
} from "@posthorn/core"
import { Role, SourceScheme } from "@posthorn/proto"
import type { SecretBox } from "@posthorn/runtime"
import type { Access, IngestInput } from "../call.ts"

/** Why a request may not come in for a subscription, or `undefined` when it may. */
export type VerifySender = (entity: SubscriptionEntity, request: IngestInput) => Promise<Refusal | undefined>

export interface VerifySenderOptions {
  readonly access: Access
  readonly box: SecretBox
  readonly crypto: Crypto
  readonly nowMs: () => number
}

/** Verifies senders as the subscription's source says: nothing, a signature over the very bytes received, or an API key that may publish. */
export function createVerifySender({ access, box, crypto, nowMs }: VerifySenderOptions): VerifySender {
  /** Secrets are decrypted once for as long as their subscription does not change. */
  const prepared = new WeakMap<SubscriptionEntity, PreparedSecret>()
  const secretOf = (entity: SubscriptionEntity): PreparedSecret => {
    const known = prepared.get(entity)
    if (known) return known
    const secret = prepareSecret(box.open(entity.sourceSecret, secretPlace(entity.subscription, "source.secret")), crypto)
    prepared.set(entity, secret)
    return secret
  }

  const verifyKey = async ({ subscription }: SubscriptionEntity, { headers }: IngestInput): Promise<Refusal | undefined> => {
    const caller = await access.authenticate(headers.authorization)
    if (isRefusal(caller)) return caller
    const owns = caller.applicationId === undefined || caller.applicationId === subscription.applicationId
    return owns ? access.authorize(Role.SENDER, caller) : noSuch("subscription")
  }

  return async (entity, request) => {
    const scheme = entity.subscription.source?.scheme ?? SourceScheme.UNSPECIFIED
    if (scheme === SourceScheme.NONE) return undefined
    if (scheme === SourceScheme.UNSPECIFIED) return verifyKey(entity, request)
    const question = {
      scheme,
      headers: request.headers,
      body: request.body,
      secret: secretOf(entity),
      nowSeconds: Math.floor(nowMs() / 1000),
    }
    if (verifySource(question, crypto)) return undefined
    return refuse("unauthenticated", `The signature in ${PROOFS[scheme]} is missing, wrong or too old.`)
  }
}

/** The header that proves who sent it, by scheme. */
const PROOFS: Readonly<Partial<Record<SourceScheme, string>>> = {
  [SourceScheme.HUB]: "x-hub-signature-256",
  [SourceScheme.X_SIGNATURE]: "x-signature",
  [SourceScheme.STANDARD_WEBHOOKS]: "webhook-signature",
}
