import {
  isRefusal,
  noSuch,
  prepareVerifier,
  proofHeaderOf,
  refuse,
  secretPlace,
  type Crypto,
  type Refusal,
  type SubscriptionEntity,
  type Verifier,
} from "@posthorn/core"
import { Role, SourceScheme, type Source } from "@posthorn/proto"
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
  const prepared = new WeakMap<SubscriptionEntity, Verifier>()
  const verifierOf = (entity: SubscriptionEntity, source: Source): Verifier => {
    const known = prepared.get(entity)
    if (known) return known
    const verifier = prepareVerifier(source, box.open(entity.sourceSecret, secretPlace(entity.subscription, "source.secret")), crypto)
    prepared.set(entity, verifier)
    return verifier
  }

  const verifyKey = async ({ subscription }: SubscriptionEntity, { headers, doorway }: IngestInput): Promise<Refusal | undefined> => {
    const caller = await access.authenticate(headers.authorization, doorway)
    if (isRefusal(caller)) return caller
    const owns = caller.applicationId === undefined || caller.applicationId === subscription.applicationId
    return owns ? access.authorize(Role.SENDER, caller) : noSuch("subscription")
  }

  return async (entity, request) => {
    const { source } = entity.subscription
    if (source === undefined || source.scheme === SourceScheme.UNSPECIFIED) return verifyKey(entity, request)
    if (source.scheme === SourceScheme.NONE) return undefined
    const { headers, body } = request
    if (verifierOf(entity, source)({ headers, body, nowSeconds: Math.floor(nowMs() / 1000) })) return undefined
    return refuse("unauthenticated", `The signature in ${proofHeaderOf(source)} is missing, wrong or too old.`)
  }
}
