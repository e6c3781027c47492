import type { LookupAddress } from "node:dns"
import { Resolver } from "node:dns/promises"
import { isIP } from "node:net"
import { limits } from "@posthorn/core"
import { type AddressPolicy, mayReach, reachableLoopback } from "./address-policy.ts"
import { BoundedMap } from "./bounded-map.ts"
import { GuardRefusal } from "./guard-refusal.ts"
import { withoutRoot } from "./url-rules.ts"

/**
 * Resolves a name to addresses that may be dialled, all of them or none: rejects with `GuardRefusal` when one is refused or there are too
 * many, and with the resolver's error when any question failed or nothing was found.
 */
export type NameResolver = (name: string) => Promise<readonly LookupAddress[]>

interface Remembered {
  readonly until: number
  readonly addresses: Promise<readonly LookupAddress[]>
}

/**
 * A resolver that asks name servers itself: the system's own look-up runs on four threads that four hanging names would stop. Vetted
 * addresses are used again for `RESOLVED_NAME_MS`, so what is dialled is always what was vetted. The hosts file is not read.
 */
export function createNameResolver(policy: AddressPolicy): NameResolver {
  const resolver = new Resolver({ timeout: limits.RESOLVE_TRY_MS, tries: 2 })
  if (policy.dnsServers.length > 0) resolver.setServers(policy.dnsServers)
  const names = new BoundedMap<string, Remembered>(limits.RESOLVED_NAMES_MAX)

  return (name) => {
    const known = names.get(name)
    if (known !== undefined && known.until > performance.now()) return known.addresses
    const addresses = inTime(resolveVetted(resolver, policy, withoutRoot(name)))
    const fresh = { until: performance.now() + limits.RESOLVED_NAME_MS, addresses }
    names.set(name, fresh)
    addresses.catch(() => {
      if (names.get(name) === fresh) names.delete(name)
    })
    return addresses
  }
}

async function resolveVetted(resolver: Resolver, policy: AddressPolicy, name: string): Promise<readonly LookupAddress[]> {
  if (name === "localhost") return withFamilies(reachableLoopback(policy))
  const [ipv4, ipv6] = await Promise.all([answersOf(resolver.resolve4(name)), answersOf(resolver.resolve6(name))])
  const addresses = [...ipv4, ...ipv6]
  if (addresses.length === 0) throw Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" })
  if (addresses.length > limits.ADDRESSES_MAX || !addresses.every((address) => mayReach(policy, address))) throw new GuardRefusal()
  return withFamilies(addresses)
}

async function inTime<T>(resolving: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(Object.assign(new Error("no name server answered"), { code: "ETIMEOUT" })),
    limits.RESOLVE_TIMEOUT_MS,
  )
  try {
    return await Promise.race([resolving, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** No such name and no such record are answers; everything else leaves the question open and must stop the connection. */
async function answersOf(question: Promise<string[]>): Promise<string[]> {
  try {
    return await question
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOTFOUND" || error.code === "ENODATA")) return []
    throw error
  }
}

const withFamilies = (addresses: readonly string[]): LookupAddress[] => addresses.map((address) => ({ address, family: isIP(address) }))
