import { createHmac, timingSafeEqual } from "node:crypto"
import type { SecretBox } from "@posthorn/runtime"

/** What a fingerprint is for: those of one purpose say nothing about another's. Part of the data format. */
export type FingerprintPurpose = "posthorn secrets" | "posthorn commands"

const BYTES = 16

/**
 * `v1:kid:<base64>`: a keyed digest that tells one text from another and nothing else: without the encryption key nobody can try guesses. Another
 * encryption key gives another fingerprint.
 * @param parts texts of which the boundaries count too
 */
export function fingerprintOf(box: SecretBox, purpose: FingerprintPurpose, parts: readonly string[]): string {
  return write(box.kid, digestOf(parts, box.derive(box.kid, purpose) ?? new Uint8Array()))
}

/** Whether these parts are those of a fingerprint. False when its encryption key is not known any more. */
export function hasFingerprint(box: SecretBox, purpose: FingerprintPurpose, { parts, fingerprint }: Fingerprinted): boolean {
  const [, kid = ""] = fingerprint.split(":")
  const pepper = box.derive(kid, purpose)
  if (pepper === undefined) return false
  const [expected, given] = [Buffer.from(write(kid, digestOf(parts, pepper))), Buffer.from(fingerprint)]
  return expected.length === given.length && timingSafeEqual(expected, given)
}

interface Fingerprinted {
  readonly parts: readonly string[]
  readonly fingerprint: string
}

const write = (kid: string, digest: Uint8Array): string => `v1:${kid}:${Buffer.from(digest).toString("base64")}`

const digestOf = (parts: readonly string[], pepper: Uint8Array): Uint8Array =>
  createHmac("sha256", pepper).update(JSON.stringify(parts)).digest().subarray(0, BYTES)
