import type { Violation } from "@posthorn/core"

/** What is asked of the thread. */
export type Question =
  | { readonly kind: "schema"; readonly schema: string }
  | { readonly kind: "payload"; readonly key: number; readonly schema: string; readonly payload: Uint8Array }

/** Faults of the schema, or violations of the payload. */
export type Violations = readonly Violation[]

/** Several questions on their way to the thread, in few and flat values: a message costs by their number. */
export interface QuestionBatch {
  /** The schema of each question's payload, or `SCHEMA_ITSELF`. */
  readonly keys: readonly number[]
  /** Where each payload, or schema, ends in `bytes`: they lie one behind the other. */
  readonly ends: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
  /** By key. */
  readonly schemas: ReadonlyMap<number, string>
}

/** What came of a batch: the questions from `done` on are to be asked again. */
export interface AnswerBatch {
  readonly done: number
  /** By the number of the question; the others have none. */
  readonly violations: ReadonlyMap<number, Violations>
}

/** No key of a schema. */
const SCHEMA_ITSELF = 0

/** Copies the payloads: each lies in the bytes of the request that it came in, which would all go along. */
export function packQuestions(questions: readonly Question[]): QuestionBatch {
  const parts = questions.map((question) => (question.kind === "payload" ? question.payload : Buffer.from(question.schema)))
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  const schemas = new Map<number, string>()
  for (const question of questions) if (question.kind === "payload") schemas.set(question.key, question.schema)
  let end = 0
  const ends = parts.map((part) => {
    bytes.set(part, end)
    return (end += part.length)
  })
  return { keys: questions.map((question) => (question.kind === "payload" ? question.key : SCHEMA_ITSELF)), ends, bytes, schemas }
}

export function questionAt({ keys, ends, bytes, schemas }: QuestionBatch, at: number): Question {
  const key = keys[at] ?? SCHEMA_ITSELF
  const part = bytes.subarray(ends[at - 1] ?? 0, ends[at])
  if (key === SCHEMA_ITSELF) return { kind: "schema", schema: Buffer.from(part).toString() }
  return { kind: "payload", key, schema: schemas.get(key) ?? "", payload: part }
}
