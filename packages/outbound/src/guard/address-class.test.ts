import fc from "fast-check"
import { expect, it } from "vitest"
import { isNeverAllowed, isPublicAddress } from "./address-class.ts"

// The first and last address inside each edge, and its neighbours outside.
it.each([
  ["9.255.255.255", "11.0.0.0"],
  ["100.63.255.255", "100.128.0.0"],
  ["126.255.255.255", "128.0.0.0"],
  ["172.15.255.255", "172.32.0.0"],
  ["192.167.255.255", "192.169.0.0"],
  ["198.17.255.255", "198.20.0.0"],
  ["223.255.255.255", "168.63.129.17"],
  ["2000::", "3ffe:ffff::1"],
  ["2001:200::", "2606:4700::1111"],
  ["::ffff:8.8.8.8", "::ffff:808:808"],
])("takes %s and %s, beside the refused ranges, for public", (...addresses) => {
  expect(addresses.map(isPublicAddress)).toEqual([true, true])
})

it.each([
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["224.0.0.0", "255.255.255.255"],
  ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["1fff:ffff::1", "4000::"],
  ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ["fe80::1%eth0", "2606:4700::1111%eth0"],
  ["", "8.8.8"],
  ["localhost", "8.8.8.8 "],
])("takes %s and %s for not public", (...addresses) => {
  expect(addresses.map(isPublicAddress)).toEqual([false, false])
})

it("never opens metadata services, link-local and unspecified addresses, nor forms that carry them", () => {
  const addresses = [
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "0.0.0.0",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
  ]
  const carriers = ["::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:1::1"]
  expect([...addresses, ...carriers].filter((address) => !isNeverAllowed(address))).toEqual([])
  expect(["127.0.0.1", "::1", "10.0.0.1", "fd00::1", "8.8.8.8", "::ffff:127.0.0.1"].filter(isNeverAllowed)).toEqual([])
})

it("judges an IPv4 address the same in every IPv6 spelling that maps it", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number)
      const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
      const spellings = [`::ffff:${address}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`]
      for (const spelling of spellings) {
        expect(isPublicAddress(spelling)).toBe(isPublicAddress(address))
        expect(isNeverAllowed(spelling)).toBe(isNeverAllowed(address))
      }
    }),
  )
})
