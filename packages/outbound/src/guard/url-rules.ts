import { isIPv4 } from "node:net"
import { limits } from "@posthorn/core"
import { type AddressPolicy, mayReach, reachableLoopback } from "./address-policy.ts"

/** The rule that a URL breaks. */
export type UrlRule = "length" | "syntax" | "scheme" | "userinfo" | "fragment" | "port" | "name" | "address"

/** `reason` is for the person who gave the URL: it says what is expected and nothing of the network. */
export type UrlJudgement = { readonly ok: URL } | { readonly refused: UrlRule; readonly reason: string }

/** Ports of services that speak no HTTP or belong to infrastructure. Closed in allowed networks too. */
const PORTS_NEVER = new Set(
  [0, 22, 25, 53, 2375, 2379, 3306, 5432, 6379, 6443, 8123, 9000, 9042, 9092, 9200, 10_250, 11_211, 27_017].map(String),
)

/** Endings of names that mean something only inside a network. */
const SUFFIXES_NEVER = [
  "cluster.local",
  "corp",
  "example",
  "home",
  "home.arpa",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "onion",
  "svc",
  "test",
]

/**
 * Whether an endpoint may have this URL, as far as can be told without resolving its name: keep `ok.href`, not the text, so that it is read
 * only once. `localhost` and private literals pass where the policy allows their networks, on any port that is not closed.
 * Not guaranteed: that the name resolves, or to what; the sender checks that at every connection.
 */
export function judgeUrl(text: string, policy: AddressPolicy): UrlJudgement {
  if (text.length > limits.URL_LENGTH_MAX) return tooLong
  const url = URL.parse(text)
  if (url === null) return { refused: "syntax", reason: "is not an absolute URL" }
  if (url.href.length > limits.URL_LENGTH_MAX) return tooLong
  if (url.protocol !== "https:" && !(url.protocol === "http:" && policy.httpAllowed)) {
    return { refused: "scheme", reason: policy.httpAllowed ? "must begin with https:// or http://" : "must begin with https://" }
  }
  if (url.username !== "" || url.password !== "") return { refused: "userinfo", reason: "must not hold a user name or password" }
  if (url.href.includes("#")) return { refused: "fragment", reason: "must not have a fragment" }
  if (PORTS_NEVER.has(url.port)) return { refused: "port", reason: `must not use port ${url.port}` }
  return judgeHost(url, policy)
}

const tooLong: UrlJudgement = { refused: "length", reason: `must not be longer than ${limits.URL_LENGTH_MAX} characters` }
const notPublic: UrlJudgement = { refused: "address", reason: "must not lead to a private or reserved address" }

function judgeHost(url: URL, policy: AddressPolicy): UrlJudgement {
  const host = url.hostname
  if (host.startsWith("[")) return mayReach(policy, host.slice(1, -1)) ? { ok: url } : notPublic
  if (isIPv4(host)) return mayReach(policy, host) ? { ok: url } : notPublic
  const name = withoutRoot(host)
  if (name === "localhost" && reachableLoopback(policy).length > 0) return { ok: url }
  return isPublicName(name) ? { ok: url } : { refused: "name", reason: "must have a host name that is known on the public internet" }
}

/** Judges URLs by one policy: why one may not be delivered to, or `undefined` when it may. */
export const urlJudge =
  (policy: AddressPolicy) =>
  (text: string): string | undefined => {
    const judgement = judgeUrl(text, policy)
    return "ok" in judgement ? undefined : judgement.reason
  }

/** The name without the one dot that may stand for the root. */
export const withoutRoot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

function isPublicName(name: string): boolean {
  const labels = name.split(".")
  return labels.length > 1 && labels.every((label) => label !== "") && !SUFFIXES_NEVER.some((suffix) => name.endsWith(`.${suffix}`))
}
