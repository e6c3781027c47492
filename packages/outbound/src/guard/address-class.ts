import { type BlockList, isIPv4, isIPv6 } from "node:net"
import { blockListOf } from "./networks.ts"

/** Ranges that are not the public internet (IANA's special-purpose registry); the last is a cloud's host address inside public space. */
const NOT_PUBLIC_IPV4 = blockListOf([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "168.63.129.16/32",
])

/** IPv6 is judged the other way round: only what is assigned to the public internet can be public. */
const ASSIGNED_IPV6 = blockListOf(["2000::/3"])
const NOT_PUBLIC_IPV6 = blockListOf(["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"])
const MAPPED_IPV4 = blockListOf(["::ffff:0:0/96"])

/** Unspecified, link-local, multicast and reserved addresses, and the metadata services of clouds. */
const NEVER = blockListOf([
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "100.100.100.200/32",
  "168.63.129.16/32",
  "192.0.0.192/32",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
])
/** IPv6 forms that carry an IPv4 address which a gateway on the way would unpack. Loopback lies in the first of them. */
const CARRIES_IPV4 = blockListOf(["::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"])
const LOOPBACK_IPV6 = blockListOf(["::1/128"])

/** Whether an address belongs to the public internet. Mapped IPv4 is judged as IPv4; an address with a zone, or none at all, is not public. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address) || isIn(MAPPED_IPV4, address)) return !isIn(NOT_PUBLIC_IPV4, address)
  return isIn(ASSIGNED_IPV6, address) && !isIn(NOT_PUBLIC_IPV6, address)
}

/** Whether an address stays refused whatever an operator allows. */
export function isNeverAllowed(address: string): boolean {
  return isIn(NEVER, address) || (isIn(CARRIES_IPV4, address) && !isIn(LOOPBACK_IPV6, address))
}

/** Whether an address is in one of the networks. Mapped IPv4 is judged as IPv4; an address with a zone, or none at all, is in no network. */
export function isIn(networks: BlockList, address: string): boolean {
  if (isIPv4(address)) return networks.check(address, "ipv4")
  return isIPv6(address) && !address.includes("%") && networks.check(address, "ipv6")
}
