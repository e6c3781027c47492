import { createHash, createHmac, createPrivateKey, createSecretKey, randomBytes, sign as signBytes, timingSafeEqual } from "node:crypto"
import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods"
import { SignatureStyle, SourceSchema, SourceScheme } from "@posthorn/proto"
import fc from "fast-check"
import { Webhook } from "standardwebhooks"
import { Webhook as SvixWebhook } from "svix"
import { expect, test } from "vitest"
import { prepareSecret, type Crypto } from "./keys.ts"
import { sign } from "./sign.ts"
import { prepareVerifier } from "./verify.ts"

const crypto: Crypto = {
  hmac: (hash, secret) => ({
    digest: (parts, encoding) => parts.reduce((mac, part) => mac.update(part), createHmac(hash, createSecretKey(secret))).digest(encoding),
  }),
  ed25519: (seed) => {
    const key = createPrivateKey({
      key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
      format: "der",
      type: "pkcs8",
    })
    return { sign: (parts) => signBytes(null, Buffer.concat(parts), key).toString("base64") }
  },
  fromBase64: (text) => (/^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined),
  toBase64: (bytes) => Buffer.from(bytes).toString("base64"),
  equal: (a, b) => timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest()),
}
const secretOf = (text: string) => prepareSecret(text, crypto)
const verifierOf = (source: MessageInitShape<typeof SourceSchema>, secret: string) =>
  prepareVerifier(create(SourceSchema, source), secret, crypto)
const bytes = (text: string) => new TextEncoder().encode(text)
const spec = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestampSeconds: 1614265330,
  body: bytes('{"test": 2432232314}'),
  style: SignatureStyle.STANDARD,
}
const body = fc.uint8Array({ maxLength: 300 })

test("Standard Webhooks v1 signs as the published vector", () => {
  expect(sign({ ...spec, secrets: [secretOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")] })["webhook-signature"]).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  )
})

test("Standard Webhooks v1a signs as the published vector", () => {
  const secret = secretOf("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
  expect(sign({ ...spec, secrets: [secret] })["webhook-signature"]).toBe(
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
  )
})

test("the hub style signs as GitHub's published vector", () => {
  const headers = sign({
    ...spec,
    body: bytes("Hello, World!"),
    secrets: [secretOf("It's a Secret to Everybody")],
    style: SignatureStyle.HUB,
  })
  expect(headers["x-hub-signature-256"]).toBe("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
})

test("without a secret there is no signature header", () => {
  expect(sign({ ...spec, secrets: [], style: SignatureStyle.HUB })).toEqual({})
})

test("during a rotation both secrets sign, and receivers with either accept, by the receivers' own libraries", () => {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const [older, newer] = [0, 1].map(() => `whsec_${randomBytes(32).toString("base64")}`) as [string, string]
  fc.assert(
    fc.property(fc.json(), (json) => {
      const headers = {
        ...sign({ ...spec, timestampSeconds: nowSeconds, body: bytes(json), secrets: [secretOf(newer), secretOf(older)] }),
        "webhook-id": spec.id,
        "webhook-timestamp": `${nowSeconds}`,
      }
      for (const secret of [older, newer]) {
        expect(() => new Webhook(secret).verify(json, headers)).not.toThrow()
        expect(() => new SvixWebhook(secret).verify(json, headers)).not.toThrow()
        expect(() => new Webhook(secret).verify(`${json} `, headers)).toThrow()
      }
    }),
    { numRuns: 50 },
  )
})

test("the hub signature is accepted by GitHub's library, and its signature by ours", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), async (json) => {
      const ours =
        sign({ ...spec, body: bytes(json), secrets: [secretOf("s3cret")], style: SignatureStyle.HUB })["x-hub-signature-256"] ?? ""
      expect(await octokitVerify("s3cret", json, ours)).toBe(true)
      const headers = { "x-hub-signature-256": await octokitSign("s3cret", json) }
      expect(verifierOf({ scheme: SourceScheme.HUB }, "s3cret")({ headers, body: bytes(json), nowSeconds: 0 })).toBe(true)
    }),
    { numRuns: 50 },
  )
})

const schemes = [
  [SourceScheme.HUB, SignatureStyle.HUB],
  [SourceScheme.X_SIGNATURE, SignatureStyle.X_SIGNATURE],
  [SourceScheme.STANDARD_WEBHOOKS, SignatureStyle.STANDARD],
] as const

test("what we sign we verify, and no body with a bit changed, nor with another secret, nor unsigned", () => {
  fc.assert(
    fc.property(fc.constantFrom(...schemes), body, fc.string(), fc.nat(), ([scheme, style], content, text, at) => {
      const nowSeconds = 1_700_000_000
      const headers = {
        ...sign({ id: "msg", timestampSeconds: nowSeconds, body: content, secrets: [secretOf(text)], style }),
        "webhook-id": "msg",
        "webhook-timestamp": `${nowSeconds}`,
      }
      const verify = (more: object, secret = text) => verifierOf({ scheme }, secret)({ headers, body: content, nowSeconds, ...more })
      expect(verify({})).toBe(true)
      expect(verify({}, `${text}x`)).toBe(false)
      expect(verify({ headers: {} })).toBe(false)
      if (content.length === 0) return
      const flipped = content.slice()
      flipped[at % content.length]! ^= 1 << (at % 8)
      expect(verify({ body: flipped })).toBe(false)
    }),
  )
})

test("a Standard Webhooks timestamp is refused five minutes from now, either way, and when it is no integer", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  const verifyAt = (nowSeconds: number, timestamp = `${spec.timestampSeconds}`) =>
    verifierOf(
      { scheme: SourceScheme.STANDARD_WEBHOOKS },
      secret,
    )({
      body: spec.body,
      nowSeconds,
      headers: { ...sign({ ...spec, secrets: [secretOf(secret)] }), "webhook-id": spec.id, "webhook-timestamp": timestamp },
    })
  expect([-301, -300, 0, 300, 301].map((apart) => verifyAt(spec.timestampSeconds + apart))).toEqual([false, true, true, true, false])
  expect(verifyAt(spec.timestampSeconds, "1614265330.0")).toBe(false)
})
