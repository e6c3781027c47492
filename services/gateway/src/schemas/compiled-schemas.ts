import type { JsonValue } from "@bufbuild/protobuf"
import { assert, jsonOf, limits } from "@posthorn/core"
import { compileSchema, type CheckPayload } from "./compile-schema.ts"
import { type AnswerBatch, type Question, type QuestionBatch, questionAt, type Violations } from "./question-batch.ts"

interface Compiled {
  readonly check: CheckPayload
  readonly bytes: number
}

/** Checks payloads, and keeps the compiled schemas that were used last. */
export class CompiledSchemas {
  /** By key, the one used last at the end. */
  readonly #compiled = new Map<number, Compiled>()
  #bytes = 0

  /**
   * Answers questions in their order until `SCHEMA_BATCH_MS` have passed, one at least. Whoever ends it early finds in `at` the number of the
   * question that it was at.
   */
  answerAll(batch: QuestionBatch, at: Int32Array): AnswerBatch {
    const untilMs = performance.now() + limits.SCHEMA_BATCH_MS
    const violations = new Map<number, Violations>()
    let done = 0
    do {
      Atomics.store(at, 0, done)
      const found = this.answer(questionAt(batch, done))
      if (found.length > 0) violations.set(done, found)
      done++
    } while (done < batch.keys.length && performance.now() < untilMs)
    return { done, violations }
  }

  answer(question: Question): Violations {
    if (question.kind === "payload") return this.#violations(question)
    const compiled = compileSchema(JSON.parse(question.schema) as JsonValue)
    return typeof compiled === "function" ? [] : compiled
  }

  /** How many are kept. */
  get size(): number {
    return this.#compiled.size
  }

  #violations({ key, schema, payload }: Question & { readonly kind: "payload" }): Violations {
    const value = jsonOf(payload)
    if (value === undefined) return [{ field: "data", reason: "must be JSON in UTF-8, as its content type says" }]
    try {
      return this.#check(key, schema)(value)
    } catch (error) {
      // A schema that refers to itself follows the payload as deep as it goes.
      if (error instanceof RangeError) return [{ field: "data", reason: "is nested too deep to be checked" }]
      throw error
    }
  }

  #check(key: number, schema: string): CheckPayload {
    const known = this.#compiled.get(key)
    if (known !== undefined) {
      this.#compiled.delete(key)
      this.#compiled.set(key, known)
      return known.check
    }
    const check = compileSchema(JSON.parse(schema) as JsonValue)
    assert(typeof check === "function", "a schema that was accepted compiles")
    this.#compiled.set(key, { check, bytes: schema.length })
    this.#bytes += schema.length
    this.#forget()
    return check
  }

  #forget(): void {
    for (const [key, { bytes }] of this.#compiled) {
      if (this.#compiled.size <= limits.SCHEMAS_COMPILED_MAX && this.#bytes <= limits.SCHEMAS_COMPILED_BYTES_MAX) return
      this.#compiled.delete(key)
      this.#bytes -= bytes
    }
  }
}
