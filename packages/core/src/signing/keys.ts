/** Hashes that a HMAC is made with. SHA-1 is for senders that know nothing better; as a HMAC it holds. */
export type HashName = "sha1" | "sha256" | "sha512"

/** What signing needs of the platform; the shell gives it (`createCrypto` of the runtime). Keys are prepared once and used many times. */
export interface Crypto {
  hmac(hash: HashName, secret: Uint8Array): HmacKey
  /** From the 32-byte seed; a 64-byte key is its seed followed by the public key. */
  ed25519(seed: Uint8Array): Ed25519Key
  /** `undefined` when it is not base64. */
  fromBase64(text: string): Uint8Array | undefined
  toBase64(bytes: Uint8Array): string
  /** Takes the same time wherever two texts of one length differ. */
  equal(a: string, b: string): boolean
}

export interface HmacKey {
  digest(parts: readonly Uint8Array[], encoding: "base64" | "hex"): string
}

export interface Ed25519Key {
  /** Base64. */
  sign(parts: readonly Uint8Array[]): string
}

/** A subscription's secret, ready to sign with: the two ways of reading it, see `prepareSecret`. */
export interface PreparedSecret {
  /** For Standard Webhooks: signs and answers `v1,…` or `v1a,…`. */
  readonly standard: (parts: readonly Uint8Array[]) => string
  /** For the styles that sign the body alone. */
  readonly plain: HmacKey
}

const encoder = new TextEncoder()

/**
 * Reads a secret as text. Behind `whsec_` is base64 for the Standard Webhooks signature, behind `whsk_` the base64 of an ed25519 key
 * (`v1a`); any other secret, and every secret in the other styles, is its UTF-8 bytes. What is not base64 after all is taken as text.
 */
export function prepareSecret(secret: string, crypto: Crypto): PreparedSecret {
  const plain = crypto.hmac("sha256", encoder.encode(secret))
  const asymmetric = secret.startsWith("whsk_") ? crypto.fromBase64(secret.slice(5)) : undefined
  if (asymmetric && (asymmetric.length === 32 || asymmetric.length === 64)) {
    const key = crypto.ed25519(asymmetric.subarray(0, 32))
    return { plain, standard: (parts) => `v1a,${key.sign(parts)}` }
  }
  const bytes = secret.startsWith("whsec_") ? crypto.fromBase64(secret.slice(6)) : undefined
  const key = bytes ? crypto.hmac("sha256", bytes) : plain
  return { plain, standard: (parts) => `v1,${key.digest(parts, "base64")}` }
}
