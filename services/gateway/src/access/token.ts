import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { crc32 } from "node:zlib"
import { ID_PREFIXES } from "@posthorn/core"
import type { SecretBox } from "@posthorn/runtime"

/**
 * `ph_<environment>_<key id>_<secret><checksum>`: a prefix that scanners of leaked secrets recognise, the id to look the key up by,
 * 196 random bits, and a CRC-32 of all that, so that a typing error is refused without a look-up.
 */
const ENVIRONMENT = "live"
const SECRET_LENGTH = 33
const CHECKSUM_LENGTH = 6
const TOKEN = /^(ph_[a-z]{1,10}_([0-9a-hjkmnp-tv-z]{26})_[A-Za-z0-9]{33})([A-Za-z0-9]{6})$/
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const KEY_PREFIX = `${ID_PREFIXES.key}_`
const PEPPER = "posthorn api keys"

/** A new token for a key. */
export function makeToken(keyId: string): string {
  const text = `ph_${ENVIRONMENT}_${keyId.slice(KEY_PREFIX.length)}_${randomBase62(SECRET_LENGTH)}`
  return text + checksumOf(text)
}

/** The id of the key that a token claims to be, or `undefined` when it is no token. Proves nothing. */
export function keyIdOf(token: string): string | undefined {
  const [, text = "", id = "", checksum] = TOKEN.exec(token) ?? []
  return checksum !== undefined && checksumOf(text) === checksum ? KEY_PREFIX + id : undefined
}

/** What is stored of a token: `v1:kid:<base64>`, a keyed hash. The secret is random and long, so a fast hash is enough. */
export function hashToken(token: string, box: SecretBox): string {
  const digest = digestOf(token, box.derive(box.kid, PEPPER) ?? new Uint8Array())
  return `v1:${box.kid}:${digest.toString("base64")}`
}

/** Whether a token is the one of a stored hash. Takes the same time wherever they differ. False when the encryption key is not known any more. */
export function matchesHash(token: string, hash: string, box: SecretBox): boolean {
  const [version, kid = "", stored = ""] = hash.split(":")
  const pepper = version === "v1" ? box.derive(kid, PEPPER) : undefined
  const expected = Buffer.from(stored, "base64")
  return pepper !== undefined && expected.length === 32 && timingSafeEqual(digestOf(token, pepper), expected)
}

const digestOf = (token: string, pepper: Uint8Array): Buffer => createHmac("sha256", pepper).update(token).digest()

function checksumOf(text: string): string {
  let rest = crc32(text)
  let digits = ""
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    digits = BASE62[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

/** Every digit equally likely: bytes of 248 and above would favour the first ones. */
function randomBase62(length: number): string {
  let text = ""
  while (text.length < length) {
    for (const byte of randomBytes(length)) if (byte < 248 && text.length < length) text += BASE62[byte % 62]
  }
  return text
}
