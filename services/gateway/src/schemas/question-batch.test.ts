import fc from "fast-check"
import { expect, test } from "vitest"
import { packQuestions, questionAt, type Question } from "./question-batch.ts"

const schemaOf = (key: number) => `{"title":"${key}"}`
const payloads = fc
  .record({ key: fc.integer({ min: 1, max: 5 }), payload: fc.uint8Array({ maxLength: 20 }) })
  .map(({ key, payload }): Question => ({ kind: "payload", key, schema: schemaOf(key), payload }))
const schemas = fc.string({ unit: "grapheme" }).map((schema): Question => ({ kind: "schema", schema }))

test("questions come out of a batch as they went in", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(payloads, schemas)), (questions) => {
      // As another thread gets it.
      const batch = structuredClone(packQuestions(questions))
      expect(batch.keys.map((_, at) => questionAt(batch, at))).toEqual(questions)
    }),
  )
})
