import fc from "fast-check"
import { expect, test } from "vitest"
import { RETENTION_CLASSES_HOURS } from "../limits.ts"
import { retentionClassOf } from "./retention-class.ts"

test("nothing is kept shorter than asked for, nor longer than the next class keeps it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8760 }), (hours) => {
      const chosen = retentionClassOf(hours)
      expect(RETENTION_CLASSES_HOURS).toContain(chosen)
      expect(chosen).toBeGreaterThanOrEqual(hours)
      expect(RETENTION_CLASSES_HOURS.filter((each) => each >= hours && each < chosen)).toEqual([])
      expect(retentionClassOf(chosen)).toBe(chosen)
    }),
  )
})

test("who asks for nothing is in the installation's class", () => {
  expect(retentionClassOf(0)).toBe(0)
})
