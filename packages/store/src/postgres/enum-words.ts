import type { DescEnum, EnumShape } from "@bufbuild/protobuf"
import {
  AuditOutcomeSchema,
  BodyStyleSchema,
  BreakerStateSchema,
  DeadLetterReasonSchema,
  DeadLetterStateSchema,
  DeliveryStateSchema,
  ErrorClassSchema,
  FindingKindSchema,
  HmacAlgorithmSchema,
  NextAttemptReasonSchema,
  OutcomeSchema,
  PayloadValidationSchema,
  RoleSchema,
  SignatureEncodingSchema,
  SignatureStyleSchema,
  SourceSchemeSchema,
  TaskKindSchema,
  TaskProgressSchema,
} from "@posthorn/proto"

/** The values of an enum as the short lower-case words that tables hold. */
export interface EnumWords<Value> {
  /** `unspecified` for a number that this version does not know. */
  word(value: number): string
  /** The first value, `unspecified`, for a word that this version does not know. */
  value(word: string): Value
}

function wordsOf<Desc extends DescEnum>(schema: Desc): EnumWords<EnumShape<Desc>> {
  const words = new Map(schema.values.map(({ number, name }) => [number, name.slice(schema.sharedPrefix?.length ?? 0).toLowerCase()]))
  const values = new Map([...words].map(([number, word]) => [word, number]))
  // The descriptor's numbers are the values of its enum.
  const value = (word: string) => (values.get(word) ?? 0) as EnumShape<Desc>
  return { word: (number) => words.get(number) ?? "unspecified", value }
}

export const auditOutcomes = wordsOf(AuditOutcomeSchema)
export const deliveryStates = wordsOf(DeliveryStateSchema)
export const nextAttemptReasons = wordsOf(NextAttemptReasonSchema)
export const findingKinds = wordsOf(FindingKindSchema)
export const outcomes = wordsOf(OutcomeSchema)
export const errorClasses = wordsOf(ErrorClassSchema)
export const deadLetterReasons = wordsOf(DeadLetterReasonSchema)
export const deadLetterStates = wordsOf(DeadLetterStateSchema)
export const breakerStates = wordsOf(BreakerStateSchema)
export const taskKinds = wordsOf(TaskKindSchema)
export const taskProgresses = wordsOf(TaskProgressSchema)
export const payloadValidations = wordsOf(PayloadValidationSchema)
export const roles = wordsOf(RoleSchema)
export const signatureStyles = wordsOf(SignatureStyleSchema)
export const bodyStyles = wordsOf(BodyStyleSchema)
export const sourceSchemes = wordsOf(SourceSchemeSchema)
export const hmacAlgorithms = wordsOf(HmacAlgorithmSchema)
export const signatureEncodings = wordsOf(SignatureEncodingSchema)
