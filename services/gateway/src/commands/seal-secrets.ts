import { randomBytes } from "node:crypto"
import { create } from "@bufbuild/protobuf"
import { masks, secretPlace } from "@posthorn/core"
import { SigningSecretSchema, type SigningSecret, type Subscription } from "@posthorn/proto"
import type { SecretBox } from "@posthorn/runtime"
import { fingerprintOf } from "../access/fingerprint.ts"

const GENERATE = "generate"
const GENERATED_BYTES = 32

/** The secrets of a subscription that a caller sent, and whose they are. */
export interface SecretsSent {
  readonly id: string
  readonly applicationId: string
  readonly subscription: Subscription
  /** The fields that are to change; none = all. */
  readonly paths: readonly string[]
}

export interface SealedSecrets {
  /** `undefined` = as they are, likewise for the source. */
  readonly secrets: readonly SigningSecret[] | undefined
  readonly sourceSecret: string | undefined
  readonly sourceSecretFingerprint?: string
  /** To be answered, this once. */
  readonly generated: string | undefined
}

/** Encrypts what a caller sent; makes a secret where one is asked for. A secret that is named and empty is one to be removed. */
export function sealSecrets(box: SecretBox, sent: SecretsSent): SealedSecrets {
  const { subscription, paths } = sent
  const generated = masks(paths, "secret") ? generatedSecret(subscription.secret) : undefined
  return { generated, secrets: signingOf(box, sent, generated ?? subscription.secret), ...sourceOf(box, sent) }
}

/** A secret made just now, if that is what was asked for. */
export const generatedSecret = (asked: string | undefined): string | undefined =>
  asked === GENERATE ? `whsec_${randomBytes(GENERATED_BYTES).toString("base64")}` : undefined

export const sealSigningSecret = (
  box: SecretBox,
  of: { readonly id: string; readonly applicationId: string },
  secret: string,
): SigningSecret => create(SigningSecretSchema, sealed(box, secret, secretPlace(of, "secret")))

function signingOf(box: SecretBox, sent: SecretsSent, secret: string | undefined): readonly SigningSecret[] | undefined {
  const keep = secret === undefined && sent.paths.length === 0
  if (keep || !masks(sent.paths, "secret")) return undefined
  return secret === undefined || secret === "" ? [] : [create(SigningSecretSchema, sealed(box, secret, secretPlace(sent, "secret")))]
}

function sourceOf(box: SecretBox, sent: SecretsSent): Pick<SealedSecrets, "sourceSecret" | "sourceSecretFingerprint"> {
  const secret = masks(sent.paths, "source") || sent.paths.includes("source.secret") ? (sent.subscription.source?.secret ?? "") : ""
  if (secret === "") return { sourceSecret: undefined }
  const { encrypted, fingerprint } = sealed(box, secret, secretPlace(sent, "source.secret"))
  return { sourceSecret: encrypted, sourceSecretFingerprint: fingerprint }
}

/** A secret for its place, with what tells it from others. */
function sealed(box: SecretBox, secret: string, place: readonly string[]): { encrypted: string; fingerprint: string } {
  return { encrypted: box.seal(secret, place), fingerprint: fingerprintOf(box, "posthorn secrets", [...place, secret]) }
}
