import { create, equals } from "@bufbuild/protobuf"
import { SubscriptionSchema } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import type { SubscriptionEntity } from "./entities.ts"
import { PackedSubscriptions } from "./packed-subscriptions.ts"

const entityOf = (number: number, version: number, length: number): SubscriptionEntity => ({
  kind: "subscription",
  version,
  subscription: create(SubscriptionSchema, { id: `sub_${number}`, applicationId: "app_1", description: "d".repeat(length), enabled: true }),
  secrets: [],
  sourceSecret: `s${version}`,
  sourceSecretFingerprint: "",
  voidBefore: version,
})

test("what is put is read as it was, however much was changed and removed meanwhile", () => {
  const step = fc.record({ number: fc.nat(5), length: fc.nat(600_000), remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const packed = new PackedSubscriptions()
      const expected = new Map<string, SubscriptionEntity>()
      steps.forEach(({ number, length, remove }, index) => {
        const id = `sub_${number}`
        const entity = entityOf(number, index + 1, length)
        if (remove) {
          packed.remove(id)
          expected.delete(id)
        } else {
          packed.put(entity)
          expected.set(id, entity)
        }
        for (let each = 0; each <= 5; each++) {
          const [found, wanted] = [packed.get(`sub_${each}`), expected.get(`sub_${each}`)]
          expect(packed.version(`sub_${each}`)).toBe(wanted?.version ?? 0)
          if (found === undefined || wanted === undefined) expect(found).toBe(wanted)
          else {
            expect(equals(SubscriptionSchema, found.subscription, wanted.subscription)).toBe(true)
            expect([found.version, found.sourceSecret, found.voidBefore]).toEqual([wanted.version, wanted.sourceSecret, wanted.voidBefore])
          }
        }
      })
    }),
    { numRuns: 30 },
  )
})

test("one that is asked for again is the same object, so that what is known of it is found", () => {
  const packed = new PackedSubscriptions()
  packed.put(entityOf(1, 1, 10))
  expect(packed.get("sub_1")).toBe(packed.get("sub_1"))
})
