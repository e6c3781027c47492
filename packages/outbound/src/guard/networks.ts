import { BlockList, isIP } from "node:net"

export type ParsedNetworks = { readonly ok: BlockList } | { readonly problems: readonly string[] }

const LOOPBACK = ["127.0.0.0/8", "::1/128"]

/**
 * Reads `POSTHORN_ALLOW_PRIVATE_NETWORKS`: networks as `address/bits`, single addresses, or `loopback`, separated by commas; empty = none.
 * Answers every problem at once. Not checked here: that what is listed may be allowed at all, see `isNeverAllowed`.
 */
export function parseAllowedNetworks(text: string): ParsedNetworks {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
  const cidrs = entries.flatMap((entry) =>
    entry === "loopback" ? LOOPBACK : [entry.includes("/") ? entry : `${entry}/${isIP(entry) === 4 ? 32 : 128}`],
  )
  const problems = cidrs
    .filter((cidr) => parseNetwork(cidr) === undefined)
    .map((cidr) => `${cidr} is not a network: expected loopback, or a form like 10.0.0.0/8 or fd00::/8`)
  return problems.length > 0 ? { problems } : { ok: blockListOf(cidrs) }
}

/** The networks as a list that addresses can be checked against. Throws when one is not a network. */
export function blockListOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const network = parseNetwork(cidr)
    if (network === undefined) throw new Error(`${cidr} is not a network`)
    list.addSubnet(network.address, network.bits, network.family)
  }
  return list
}

function parseNetwork(cidr: string): { address: string; bits: number; family: "ipv4" | "ipv6" } | undefined {
  const [, address = "", bits = ""] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(cidr) ?? []
  const version = isIP(address)
  const bitsMax = version === 4 ? 32 : 128
  return version === 0 || Number(bits) > bitsMax ? undefined : { address, bits: Number(bits), family: version === 4 ? "ipv4" : "ipv6" }
}
