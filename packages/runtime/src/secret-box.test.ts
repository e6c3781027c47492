import { randomBytes } from "node:crypto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { encryptionKeys, SecretBox, SecretUnreadable } from "./secret-box.ts"

const keyText = (kid: string) => `${kid}:${randomBytes(32).toString("base64")}`
const boxOf = (text: string) => new SecretBox(encryptionKeys.parse(text) ?? [])
const place = fc.array(fc.string(), { maxLength: 3 })

test("what was sealed opens at its place and at no other", () => {
  const box = boxOf(keyText("a"))
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), place, place, (text, here, elsewhere) => {
      const sealed = box.seal(text, here)
      expect(box.open(sealed, here)).toBe(text)
      if (JSON.stringify(here) !== JSON.stringify(elsewhere)) expect(() => box.open(sealed, elsewhere)).toThrow(SecretUnreadable)
    }),
  )
})

test("a sealed text of which any character was changed, or that was cut, does not open", () => {
  const box = boxOf(keyText("a"))
  const sealed = box.seal("hunter2", ["here"])
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.constantFrom("A", "B", ":", ""), (at, character) => {
      const forged = [sealed.slice(0, at) + character + sealed.slice(at + 1), sealed.slice(0, at)]
      // The last bits of base64 and its padding carry nothing: another spelling of the same bytes is the same text.
      const bytes = (text: string) =>
        text
          .split(":")
          .map((part, index) => (index < 2 ? part : Buffer.from(part, "base64").toString("hex")))
          .join(":")
      for (const text of forged) if (bytes(text) !== bytes(sealed)) expect(() => box.open(text, ["here"])).toThrow(SecretUnreadable)
    }),
  )
})

test("after a rotation the new key seals and the old one still opens", () => {
  const [older, newer] = [keyText("old"), keyText("new")]
  const sealed = boxOf(older).seal("hunter2", [])
  const rotated = boxOf(`${newer},${older}`)
  expect(rotated.open(sealed, [])).toBe("hunter2")
  expect(rotated.seal("hunter2", [])).toMatch(/^v1:new:/)
  expect(() => boxOf(newer).open(sealed, [])).toThrow(SecretUnreadable)
})

test("a derived key depends on the key and the purpose, and is neither", () => {
  const text = keyText("a")
  const box = boxOf(text)
  expect(box.derive("a", "x")).toEqual(boxOf(text).derive("a", "x"))
  expect(box.derive("a", "x")).not.toEqual(box.derive("a", "y"))
  expect(Buffer.from(box.derive("a", "x") ?? []).toString("base64")).not.toBe(text.slice(2))
  expect(box.derive("b", "x")).toBeUndefined()
})

test("a keyring with a short key, a name twice, or nothing is none", () => {
  const one = keyText("a")
  for (const text of ["", "a:", "a:AAAA", `${one},${one}`, `${one},`, one.slice(2), "a b:" + one.slice(2)])
    expect(encryptionKeys.parse(text)).toBeUndefined()
})
