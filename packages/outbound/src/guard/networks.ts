import { BlockList, isIP } from "node:net"

const LOOPBACK = ["127.0.0.0/8", "::1/128"]

/** Networks as a list that addresses can be checked against: `address/bits` or the word `loopback`. Throws when one is neither. */
export const networksOf = (entries: readonly string[]): BlockList =>
  blockListOf(entries.flatMap((entry) => (entry === "loopback" ? LOOPBACK : [entry])))

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
