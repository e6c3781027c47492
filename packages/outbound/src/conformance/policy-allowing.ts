import { addressPolicy, type AddressPolicy } from "../guard/address-policy.ts"

/** A policy for tests: plain `http`, these networks (a comma list), and these name servers. */
export function policyAllowing(networks: string, dnsServers: readonly string[] = []): AddressPolicy {
  const allowPrivateNetworks = networks.split(",").filter((entry) => entry !== "")
  return addressPolicy({ allowPrivateNetworks, dnsServers })
}
