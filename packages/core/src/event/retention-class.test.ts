import fc from "fast-check"
import { expect, test } from "vitest"
import { RETENTION_CLASSES_HOURS } from "../limits.ts"
import { retentionClassOf } from "./retention-class.ts"

test("nothing is kept shorter than asked for, nor twice as long as a class that would do", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8760 }), (hours) => {
      const chosen = retentionClassOf(hours)
      expect(RETENTION_CLASSES_HOURS).toContain(chosen)
      expect(chosen).toBeGreaterThanOrEqual(hours)
      if (hours > 24) expect(chosen).toBeLessThanOrEqual(2 * hours)
      expect(retentionClassOf(chosen)).toBe(chosen)
    }),
  )
})

test("who asks for nothing is in the installation's class", () => {
  expect(retentionClassOf(0)).toBe(0)
})
