import { createHash, createHmac, createSecretKey, timingSafeEqual } from "node:crypto"
import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { sign as octokitSign } from "@octokit/webhooks-methods"
import { HmacAlgorithm, SignatureEncoding, SourceSchema, SourceScheme } from "@posthorn/proto"
import fc from "fast-check"
import { Webhook } from "standardwebhooks"
import { Stripe } from "stripe"
import { expect, test } from "vitest"
import type { Crypto } from "./keys.ts"
import { prepareVerifier, type SignedRequest } from "./verify.ts"

const crypto: Crypto = {
  hmac: (hash, secret) => ({
    digest: (parts, encoding) => parts.reduce((mac, part) => mac.update(part), createHmac(hash, createSecretKey(secret))).digest(encoding),
  }),
  ed25519: () => ({ sign: () => "" }),
  fromBase64: (text) => (/^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined),
  toBase64: (bytes) => Buffer.from(bytes).toString("base64"),
  equal: (a, b) => timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest()),
}
const NOW = 1_531_420_618
const SECRET = "whsec_5fc2a1b0"
const bytes = (text: string) => new TextEncoder().encode(text)
const hmac = (hash: string, content: string, encoding: "hex" | "base64") => createHmac(hash, SECRET).update(content).digest(encoding)

interface Sender {
  readonly source: MessageInitShape<typeof SourceSchema>
  readonly secret?: string
  readonly sign: (body: string) => Promise<Record<string, string>> | Record<string, string>
  /** Whether a signature grows old. */
  readonly timed?: boolean
}

const STANDARD = `whsec_${Buffer.from("a standard webhooks secret").toString("base64")}`
// Every signature is made by the sender's own library, or step by step as the sender's documentation says.
const senders: Record<string, Sender> = {
  "GitHub, by its library": {
    source: { scheme: SourceScheme.HUB },
    sign: async (body) => ({ "x-hub-signature-256": await octokitSign(SECRET, body) }),
  },
  "Standard Webhooks, by its library": {
    source: { scheme: SourceScheme.STANDARD_WEBHOOKS },
    secret: STANDARD,
    sign: (body) => ({
      "webhook-id": "msg_1",
      "webhook-timestamp": `${NOW}`,
      "webhook-signature": `v1,bm90IHRoaXMgb25l ${new Webhook(STANDARD).sign("msg_1", new Date(NOW * 1000), body)}`,
    }),
    timed: true,
  },
  "Stripe, by its library": {
    source: { scheme: SourceScheme.STRIPE },
    sign: (body) => ({ "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload: body, secret: SECRET, timestamp: NOW }) }),
    timed: true,
  },
  "Stripe, while its secret rotates": {
    source: { scheme: SourceScheme.STRIPE },
    sign: (body) => ({
      "stripe-signature": `t=${NOW},v1=${"0".repeat(64)},v1=${hmac("sha256", `${NOW}.${body}`, "hex")},v0=${"1".repeat(64)}`,
    }),
    timed: true,
  },
  Shopify: {
    source: { scheme: SourceScheme.SHOPIFY },
    sign: (body) => ({ "x-shopify-hmac-sha256": hmac("sha256", body, "base64") }),
  },
  Slack: {
    source: { scheme: SourceScheme.SLACK },
    sign: (body) => ({ "x-slack-request-timestamp": `${NOW}`, "x-slack-signature": `v0=${hmac("sha256", `v0:${NOW}:${body}`, "hex")}` }),
    timed: true,
  },
  "a HMAC with nothing but its header": {
    source: { scheme: SourceScheme.HMAC, signatureHeader: "X-Acme" },
    sign: (body) => ({ "x-acme": hmac("sha256", body, "hex").toUpperCase() }),
  },
  "SHA-1 behind a prefix": {
    source: { scheme: SourceScheme.HMAC, signatureHeader: "x-hub-signature", algorithm: HmacAlgorithm.SHA1, prefix: "sha1=" },
    sign: (body) => ({ "x-hub-signature": `sha1=${hmac("sha1", body, "hex")}` }),
  },
  "SHA-512 in base64, one of several": {
    source: {
      scheme: SourceScheme.HMAC,
      signatureHeader: "x-acme",
      algorithm: HmacAlgorithm.SHA512,
      encoding: SignatureEncoding.BASE64,
      prefix: "v1=",
    },
    sign: (body) => ({ "x-acme": `v0=x, v1=wrong,v1=${hmac("sha512", body, "base64")}` }),
  },
}

const verifierOf = ({ source, secret = SECRET }: Sender, other?: string) =>
  prepareVerifier(create(SourceSchema, source), other ?? secret, crypto)

test.each(Object.entries(senders))("what %s signs is taken, and nothing else", async (_, sender) => {
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.nat(), async (body, at) => {
      const headers = await sender.sign(body)
      const asking = (more: Partial<SignedRequest> = {}) => ({ headers, body: bytes(body), nowSeconds: NOW, ...more })
      const verify = verifierOf(sender)
      expect(verify(asking())).toBe(true)
      expect(verifierOf(sender, `${SECRET}x`)(asking())).toBe(false)
      expect(verify(asking({ body: bytes(`${body} `) }))).toBe(false)
      for (const apart of [-301, -300, 300, 301]) {
        const tooFar = sender.timed === true && Math.abs(apart) > 300
        expect(verify(asking({ nowSeconds: NOW + apart }))).toBe(!tooFar)
      }
      for (const name of Object.keys(headers)) {
        expect(verify(asking({ headers: { ...headers, [name]: undefined } }))).toBe(false)
        // Of the last signature, which is the right one in all of them but Stripe's with a v0.
        const text = headers[name] ?? ""
        const cut = text.slice(0, at % text.length)
        if (!cut.includes(hmac("sha256", `${NOW}.${body}`, "hex")))
          expect(verify(asking({ headers: { ...headers, [name]: cut } }))).toBe(false)
      }
    }),
    { numRuns: 30 },
  )
})

test.each(Object.entries(senders))("no garbage in the headers of %s is taken, or makes a fault", async (_, sender) => {
  const names = Object.keys(await sender.sign("{}"))
  const garbage = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "",
      ",",
      " ",
      "=",
      "t=",
      "v1=",
      "v0=",
      `t=${NOW}`,
      `t=${NOW},t=${NOW},v1=`,
      "sha256=",
      "NaN",
      "1e9",
      "-1",
      ",".repeat(5000),
    ),
  )
  fc.assert(
    fc.property(fc.tuple(...names.map(() => garbage)), (values) => {
      const headers = Object.fromEntries(names.map((name, at) => [name, values[at]]))
      expect(verifierOf(sender)({ headers, body: bytes("{}"), nowSeconds: NOW })).toBe(false)
    }),
  )
})

test("Slack's published example verifies", () => {
  const body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
  const headers = {
    "x-slack-request-timestamp": "1531420618",
    "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
  }
  const verify = prepareVerifier(create(SourceSchema, { scheme: SourceScheme.SLACK }), "8f742231b10e8888abcd99yyyzzz85a5", crypto)
  expect(verify({ headers, body: bytes(body), nowSeconds: 1_531_420_618 })).toBe(true)
})

test("a source that asks for no signature verifies nothing", () => {
  for (const scheme of [SourceScheme.NONE, SourceScheme.UNSPECIFIED, 99 as SourceScheme])
    expect(prepareVerifier(create(SourceSchema, { scheme }), SECRET, crypto)({ headers: {}, body: bytes(""), nowSeconds: NOW })).toBe(false)
})
