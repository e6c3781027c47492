import type { BlockList } from "node:net"
import { isIn, isNeverAllowed, isPublicAddress } from "./address-class.ts"
import { networksOf } from "./networks.ts"

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

/** What an installation allows, as its environment says. */
export interface PolicySettings {
  /** `address/bits`, or `loopback`. */
  readonly allowPrivateNetworks: readonly string[]
  /** `address` or `address:port`; none = the system's. */
  readonly dnsServers?: readonly string[] | undefined
}

/** The policy of an installation. Throws when a network is none: what reads the environment has judged them. */
export const addressPolicy = ({ allowPrivateNetworks, dnsServers = [] }: PolicySettings): AddressPolicy => ({
  allowedNetworks: networksOf(allowPrivateNetworks),
  httpAllowed: true,
  dnsServers,
})
