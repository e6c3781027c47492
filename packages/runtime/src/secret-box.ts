import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto"
import type { Parser } from "./env.ts"

/** A key that encrypts, with the name by which what it encrypted finds it again. */
export interface EncryptionKey {
  readonly kid: string
  /** 256 bits. */
  readonly key: KeyObject
}

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Reads `kid:base64,kid:base64`: the first key encrypts, all of them decrypt. */
export const encryptionKeys: Parser<readonly EncryptionKey[]> = {
  expects: "kid:base64[,kid:base64…], every kid once, of 1 to 32 letters, digits, _ and -, and every key 32 bytes",
  parse(given) {
    const keys = new Map<string, EncryptionKey>()
    for (const item of given.split(",")) {
      const [, kid, text] = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)\s*$/.exec(item) ?? []
      if (kid === undefined || text === undefined || keys.has(kid)) return undefined
      keys.set(kid, { kid, key: createSecretKey(text, "base64") })
    }
    return [...keys.values()]
  },
}

/** What was sealed cannot be opened: the key is gone, the place is another one, or the text was changed. */
export class SecretUnreadable extends Error {
  override readonly name = "SecretUnreadable"
}

/** Encrypts short texts for storage (AES-256-GCM, a random nonce each time) and binds them to the place where they are stored. */
export class SecretBox {
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #derived = new Map<string, Uint8Array>()
  /** Names the key that encrypts. */
  readonly kid: string

  constructor(keys: readonly EncryptionKey[]) {
    const [first] = keys
    if (first === undefined) throw new Error("a secret box needs a key")
    this.kid = first.kid
    this.#keys = new Map(keys.map(({ kid, key }) => [kid, key]))
  }

  /** Answers `v1:kid:nonce:ciphertext:tag`, in base64. It opens with the same `place` alone: copied elsewhere it is worth nothing. */
  seal(text: string, place: readonly string[]): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv("aes-256-gcm", this.#key(this.kid), nonce, { authTagLength: TAG_BYTES }).setAAD(bytesOf(place))
    const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
    return ["v1", this.kid, ...[nonce, ciphertext, cipher.getAuthTag()].map((part) => part.toString("base64"))].join(":")
  }

  /** Throws `SecretUnreadable`. */
  open(sealed: string, place: readonly string[]): string {
    const [version, kid = "", ...parts] = sealed.split(":")
    const [nonce, ciphertext, tag] = parts.map((part) => Buffer.from(part, "base64"))
    if (version !== "v1" || parts.length !== 3 || !nonce || !ciphertext || !tag) throw new SecretUnreadable("the text is not a sealed one")
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key(kid), nonce, { authTagLength: TAG_BYTES })
        .setAAD(bytesOf(place))
        .setAuthTag(tag)
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8")
    } catch (cause) {
      throw new SecretUnreadable("a sealed text cannot be opened", { cause })
    }
  }

  /** 32 bytes for another purpose, always the same for the same key and purpose; `undefined` when the key is not known. Purposes are few. */
  derive(kid: string, purpose: string): Uint8Array | undefined {
    const key = this.#keys.get(kid)
    if (key === undefined) return undefined
    const name = `${kid}:${purpose}`
    const derived = this.#derived.get(name) ?? new Uint8Array(hkdfSync("sha256", key, "", purpose, KEY_BYTES))
    this.#derived.set(name, derived)
    return derived
  }

  #key(kid: string): KeyObject {
    const key = this.#keys.get(kid)
    if (key === undefined) throw new SecretUnreadable("the encryption key is not known")
    return key
  }
}

/** Different places give different bytes, whatever their parts hold. */
const bytesOf = (place: readonly string[]): Uint8Array => Buffer.from(JSON.stringify(place))
