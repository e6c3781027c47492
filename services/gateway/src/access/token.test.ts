import { createSecretKey, randomBytes } from "node:crypto"
import { formatId } from "@posthorn/core"
import { SecretBox } from "@posthorn/runtime"
import fc from "fast-check"
import { expect, test } from "vitest"
import { hashToken, keyIdOf, makeToken, matchesHash } from "./token.ts"

const boxOf = (...kids: string[]) => new SecretBox(kids.map((kid) => ({ kid, key: KEYS[kid]! })))
const KEYS: Record<string, ReturnType<typeof createSecretKey>> = Object.fromEntries(
  ["a", "b"].map((kid) => [kid, createSecretKey(randomBytes(32))]),
)
const keyId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatId("key", bytes))

test("a token names its key and matches its own hash alone", () => {
  fc.assert(
    fc.property(keyId, (id) => {
      const [token, other] = [makeToken(id), makeToken(id)]
      expect(token).toMatch(/^ph_live_[0-9a-z]{26}_[A-Za-z0-9]{39}$/)
      expect(keyIdOf(token)).toBe(id)
      const hash = hashToken(token, boxOf("a"))
      expect(hash).not.toContain(token.slice(-39))
      expect([matchesHash(token, hash, boxOf("a")), matchesHash(other, hash, boxOf("a"))]).toEqual([true, false])
    }),
  )
})

test("a token with any character changed is none", () => {
  fc.assert(
    fc.property(keyId, fc.nat(), fc.constantFrom(..."aZ09_-"), (id, at, character) => {
      const token = makeToken(id)
      const forged = token.slice(0, at % token.length) + character + token.slice((at % token.length) + 1)
      if (forged !== token) expect(keyIdOf(forged)).toBeUndefined()
    }),
  )
})

test("a hash outlives a new encryption key for as long as the old one is kept", () => {
  const token = makeToken(formatId("key", randomBytes(16)))
  const hash = hashToken(token, boxOf("a"))
  expect(matchesHash(token, hash, boxOf("b", "a"))).toBe(true)
  expect(matchesHash(token, hash, boxOf("b"))).toBe(false)
  expect(matchesHash(token, hash.replace("v1:a:", "v1:b:"), boxOf("b", "a"))).toBe(false)
})
