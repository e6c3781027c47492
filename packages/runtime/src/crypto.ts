import { createHmac, createPrivateKey, createSecretKey, sign, timingSafeEqual } from "node:crypto"

/** Head of a PKCS #8 document that holds an ed25519 seed (RFC 8410). */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex")
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** Node's own primitives. Keys are `KeyObject`s: preparing one costs as much as several signatures, using it again nothing. */
export function createCrypto() {
  return {
    hmac(hash: "sha1" | "sha256" | "sha512", secret: Uint8Array) {
      const key = createSecretKey(secret)
      return {
        digest(parts: readonly Uint8Array[], encoding: "base64" | "hex"): string {
          const mac = createHmac(hash, key)
          for (const part of parts) mac.update(part)
          return mac.digest(encoding)
        },
      }
    },
    ed25519(seed: Uint8Array) {
      const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: "der", type: "pkcs8" })
      return { sign: (parts: readonly Uint8Array[]): string => sign(null, Buffer.concat(parts), key).toString("base64") }
    },
    fromBase64: (text: string): Uint8Array | undefined => (BASE64.test(text) ? Buffer.from(text, "base64") : undefined),
    toBase64: (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
    equal(a: string, b: string): boolean {
      const left = Buffer.from(a)
      const right = Buffer.from(b)
      return left.length === right.length && timingSafeEqual(left, right)
    },
  }
}
