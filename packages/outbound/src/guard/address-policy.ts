import { type BlockList, isIP } from "node:net"
import { isIn, isNeverAllowed, isPublicAddress } from "./address-class.ts"

/** What endpoints may be. */
export interface AddressPolicy {
  /** Networks that may be reached although they are private. What `isNeverAllowed` names stays refused even inside them. */
  readonly allowedNetworks: BlockList
  /** Whether plain `http` will do. */
  readonly httpAllowed: boolean
  /** Servers that resolve names, as `address` or `address:port`; empty = the system's. */
  readonly dnsServers: readonly string[]
}

/** Whether an address may be dialled. False for anything that is not an address. */
export function mayReach(policy: AddressPolicy, address: string): boolean {
  return !isNeverAllowed(address) && (isPublicAddress(address) || isIn(policy.allowedNetworks, address))
}

/** Addresses that `localhost` stands for, without asking a name server, as far as the policy lets them be reached. */
export function reachableLoopback(policy: AddressPolicy): readonly string[] {
  return ["127.0.0.1", "::1"].filter((address) => mayReach(policy, address))
}

export type ParsedServers = { readonly ok: readonly string[] } | { readonly problems: readonly string[] }

/**
 * Reads `POSTHORN_DNS_SERVERS`: addresses of name servers, with a port or without, separated by commas; empty = the system's.
 * Answers every problem at once.
 */
export function parseDnsServers(text: string): ParsedServers {
  const servers = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
  const problems = servers
    .filter((server) => !isServer(server))
    .map((server) => `${server} is not a name server: expected a form like 10.0.0.2, 10.0.0.2:53 or [fd00::2]:53`)
  return problems.length > 0 ? { problems } : { ok: servers }
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true
  const [, ipv6, ipv4 = "", port = ""] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? []
  return isIP(ipv6 ?? ipv4) !== 0 && Number(port) > 0 && Number(port) < 65_536
}
