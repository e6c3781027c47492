import type { AddressPolicy } from "../guard/address-policy.ts"
import { parseAllowedNetworks } from "../guard/networks.ts"

/** A policy for tests: plain `http`, these networks, and these name servers. */
export function policyAllowing(networks: string, dnsServers: readonly string[] = []): AddressPolicy {
  const parsed = parseAllowedNetworks(networks)
  if (!("ok" in parsed)) throw new Error(parsed.problems.join("; "))
  return { allowedNetworks: parsed.ok, httpAllowed: true, dnsServers }
}
