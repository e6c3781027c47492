import { expect, it } from "vitest"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { mayReach } from "./address-policy.ts"
import { networksOf } from "./networks.ts"

it("opens what is listed and nothing beside it", () => {
  const policy = policyAllowing("10.1.0.0/16,fd12::/16,192.168.7.9/32")
  const reachable = ["10.1.255.255", "::ffff:10.1.0.1", "fd12::1", "192.168.7.9", "8.8.8.8"]
  const closed = ["10.2.0.0", "::ffff:10.2.0.0", "fd13::1", "192.168.7.10", "127.0.0.1", "::1"]
  expect([...reachable, ...closed].filter((address) => mayReach(policy, address))).toEqual(reachable)
})

it("opens both loopbacks for the word, and neither for an empty list", () => {
  expect(["127.0.0.1", "127.9.9.9", "::1"].every((address) => mayReach(policyAllowing("loopback"), address))).toBe(true)
  expect(["127.0.0.1", "::1"].some((address) => mayReach(policyAllowing(""), address))).toBe(false)
})

it("keeps metadata and link-local addresses closed when everything is listed", () => {
  const policy = policyAllowing("0.0.0.0/0,::/0")
  const addresses = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "64:ff9b::a9fe:a9fe",
  ]
  expect(addresses.filter((address) => mayReach(policy, address))).toEqual([])
})

it("throws for what is no network", () => {
  for (const entry of ["localhost", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "/8", ""])
    expect(() => networksOf([entry])).toThrow("not a network")
})
