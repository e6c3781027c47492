import * as fc from "fast-check"
import { expect, test } from "vitest"
import { fairShare } from "./fair-share.ts"

const names = ["a", "b", "c", "d", "e"]
const state = fc.record({
  members: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
  owners: fc.array(fc.option(fc.constantFrom(...names, "gone"), { nil: undefined }), { minLength: 1, maxLength: 24 }),
})

function counts(members: readonly string[], owners: readonly (string | undefined)[]): number[] {
  return members.map((member) => owners.filter((owner) => owner === member).length)
}

test("every partition number gets a living owner, and shares differ by at most one", () => {
  fc.assert(
    fc.property(state, ({ members, owners }) => {
      const target = fairShare(members, owners)
      expect(target.every((owner) => owner !== undefined && members.includes(owner))).toBe(true)
      const shares = counts(members, target)
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
    }),
  )
})

test("the answer does not depend on the order of members, and a fair state stays as it is", () => {
  fc.assert(
    fc.property(state, ({ members, owners }) => {
      const target = fairShare(members, owners)
      expect(fairShare(members.toReversed(), owners)).toEqual(target)
      expect(fairShare(members, target)).toEqual(target)
    }),
  )
})

test("nothing moves but what a member holds above its share", () => {
  expect(fairShare(["a", "b"], ["a", "a", "a", "a"])).toEqual(["a", "a", "b", "b"])
  expect(fairShare(["a", "b", "c"], ["a", "b", "a", "b", "a"])).toEqual(["a", "b", "a", "b", "c"])
})
