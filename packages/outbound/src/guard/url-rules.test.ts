import { readFileSync } from "node:fs"
import fc from "fast-check"
import { expect, it } from "vitest"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import type { AddressPolicy } from "./address-policy.ts"
import { judgeUrl, type UrlRule } from "./url-rules.ts"

interface HostileUrl {
  readonly group: string
  readonly input: string
  /** `resolver`: names that look harmless and may lead anywhere, or forms that only a second parser would misread. */
  readonly expected: "refused" | "resolver"
}

const hostile = JSON.parse(
  readFileSync(new URL("../../../../test/vectors/hostile-urls.json", import.meta.url), "utf8"),
) as readonly HostileUrl[]

const ruleFor = (text: string, policy: AddressPolicy): UrlRule | "ok" => {
  const judgement = judgeUrl(text, policy)
  return "ok" in judgement ? "ok" : judgement.refused
}

const open = policyAllowing("")
const httpsOnly: AddressPolicy = { ...open, httpAllowed: false }

it("refuses the 156 hostile URLs before any look-up", () => {
  const refusable = hostile.filter((url) => url.expected === "refused")
  expect(hostile).toHaveLength(165)
  expect(refusable).toHaveLength(156)
  expect(refusable.filter((url) => ruleFor(url.input, open) === "ok")).toEqual([])
})

it("leaves the other nine to the resolver, but for the one with a fragment", () => {
  const left = hostile.filter((url) => url.expected === "resolver").map((url) => ruleFor(url.input, open))
  expect(left.filter((rule) => rule === "ok")).toHaveLength(8)
  expect(left.filter((rule) => rule === "fragment")).toHaveLength(1)
})

it("refuses the hostile URLs to metadata, reserved names and closed ports under every allow-list as well", () => {
  const everything = policyAllowing("0.0.0.0/0,::/0")
  const passing = hostile
    .filter((url) => url.expected === "refused" && ruleFor(url.input, everything) === "ok")
    .map((url) => new URL(url.input).hostname)
  expect(passing.filter((host) => host.startsWith("169.254.") || host.includes("a9fe:a9fe") || /^\[f[ef]/.test(host))).toEqual([])
  expect(passing.filter((host) => /[a-z]/.test(host) && !host.startsWith("[") && host !== "localhost" && host !== "localhost.")).toEqual([])
  expect(hostile.filter((url) => url.group === "port" && url.expected === "refused" && ruleFor(url.input, everything) === "ok")).toEqual([])
})

it.each<[string, UrlRule]>([
  [`https://example.com/${"a".repeat(2029)}`, "length"],
  [`https://example.com/${"é".repeat(500)}`, "length"],
  ["example.com/hook", "syntax"],
  ["http://example.com/", "scheme"],
  ["https://:secret@example.com/", "userinfo"],
  ["https://example.com/#", "fragment"],
  ["https://example.com:9092/", "port"],
  ["https://shop.internal./", "name"],
  ["https://EXAMPLE/", "name"],
  ["https://10.0.0.1/", "address"],
  ["https://[fd00::1]/", "address"],
])("names the rule that %s breaks", (text, rule) => {
  expect(ruleFor(text, httpsOnly)).toBe(rule)
})

it.each([
  "https://example.com/",
  "https://example.com.:8443/a?b=c",
  "https://8.8.8.8/",
  "https://bücher.example.com/",
  `https://example.com/${"a".repeat(2028)}`,
])("lets %s pass", (text) => {
  expect(ruleFor(text, httpsOnly)).toBe("ok")
})

it("lets loopback pass by name and literal, on any port that is not closed, where it is allowed", () => {
  const urls = [
    "http://localhost:41234/",
    "http://LOCALHOST.:41234/",
    "http://127.0.0.1:41234/",
    "http://[::1]:41234/",
    "http://2130706433:41234/",
  ]
  expect(urls.map((url) => ruleFor(url, policyAllowing("loopback")))).toEqual(urls.map(() => "ok"))
  expect(ruleFor("http://127.0.0.1:5432/", policyAllowing("loopback"))).toBe("port")
  expect(ruleFor("http://foo.localhost/", policyAllowing("loopback"))).toBe("name")
  expect(ruleFor("http://localhost/", policyAllowing("10.0.0.0/8"))).toBe("name")
})

it("passes what it has passed in the form to keep, and judges it the same", () => {
  fc.assert(
    fc.property(
      fc.webUrl({ withFragments: true, withQueryParameters: true, authoritySettings: { withPort: true, withIPv4: true, withIPv6: true } }),
      (text) => {
        const first = judgeUrl(text, open)
        if (!("ok" in first)) return
        const second = judgeUrl(first.ok.href, open)
        expect("ok" in second && second.ok.href).toBe(first.ok.href)
      },
    ),
    { numRuns: 500 },
  )
})
