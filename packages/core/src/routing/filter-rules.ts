import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import * as limits from "../limits.ts"
import type { Violation } from "../refusal.ts"

const NAME_SHOWN = 60
const encoder = new TextEncoder()

interface Place {
  readonly field: string
  readonly depth: number
  /** Whether the condition is on the event itself, which has three members. */
  readonly ofEvent: boolean
}

/** What is gathered on the way. */
interface Findings {
  readonly faults: Violation[]
  clauses: number
}

/** Every fault of a filter, at most `FILTER_FAULTS_MAX`; `field` is its own path, which stands before theirs. */
export function filterViolations(filter: JsonObject, field: string): Violation[] {
  const bytes = encoder.encode(JSON.stringify(filter)).length
  if (bytes > limits.FILTER_BYTES_MAX)
    return [{ field, reason: `must have at most ${limits.FILTER_BYTES_MAX} bytes as JSON, has ${bytes}` }]
  const findings: Findings = { faults: [], clauses: 0 }
  judgeObject(filter, { field, depth: 1, ofEvent: true }, findings)
  if (findings.clauses > limits.FILTER_CLAUSES_MAX)
    findings.faults.push({ field, reason: `must have at most ${limits.FILTER_CLAUSES_MAX} clauses, has ${findings.clauses}` })
  return findings.faults.slice(0, limits.FILTER_FAULTS_MAX)
}

function judge(condition: JsonValue, place: Place, findings: Findings): void {
  const { field, depth, ofEvent } = place
  const fault = (reason: string) => void findings.faults.push({ field, reason })
  if (depth > limits.FILTER_DEPTH_MAX) return fault(`is nested deeper than ${limits.FILTER_DEPTH_MAX}`)
  if (Array.isArray(condition)) return fault("must be a value or an object of conditions; $in and $contains are for arrays")
  if (typeof condition === "object" && condition !== null) {
    if (Object.keys(condition).length === 0) return fault("has no condition")
    return judgeObject(condition, place, findings)
  }
  if (ofEvent) return fault("must be an object with type, metadata or data")
  findings.clauses++
  if (!isScalar(condition)) fault("must be a number that JSON can hold")
}

function judgeObject(condition: JsonObject, { field, depth, ofEvent }: Place, findings: Findings): void {
  for (const [name, operand] of Object.entries(condition)) {
    const at = `${field}.${name.slice(0, NAME_SHOWN)}`
    if (name.startsWith("$")) judgeOperator([name, operand], { field: at, depth: depth + 1, ofEvent }, findings)
    else if (ofEvent && !MEMBERS.has(name)) findings.faults.push({ field: at, reason: "must be type, metadata or data" })
    else judge(operand, { field: at, depth: depth + 1, ofEvent: false }, findings)
  }
}

function judgeOperator([name, operand]: readonly [string, JsonValue], place: Place, findings: Findings): void {
  const { field, ofEvent } = place
  findings.clauses++
  if (name === "$not") return judge(operand, place, findings)
  if (name === "$and" || name === "$or") {
    if (!Array.isArray(operand) || operand.length === 0)
      return void findings.faults.push({ field, reason: "must be an array of conditions, not empty" })
    return operand.forEach((each, at) => judge(each, { ...place, field: `${field}[${at}]` }, findings))
  }
  const expected = OPERANDS[name]
  if (expected === undefined || !Object.hasOwn(OPERANDS, name))
    findings.faults.push({ field, reason: `is not an operator; there are ${ALL}` })
  else if (ofEvent) findings.faults.push({ field, reason: "must stand below type, metadata or data" })
  else if (!expected.takes(operand)) findings.faults.push({ field, reason: expected.reason })
}

const MEMBERS = new Set(["type", "metadata", "data"])

interface Operand {
  readonly reason: string
  readonly takes: (operand: JsonValue) => boolean
}

const isText = (operand: JsonValue): boolean => typeof operand === "string"
const isScalar = (operand: JsonValue): boolean =>
  typeof operand === "number" ? Number.isFinite(operand) : typeof operand !== "object" || operand === null

const SCALAR: Operand = { reason: "must be a text, a number, true, false or null", takes: isScalar }
const ORDERED: Operand = { reason: "must be a number or a text", takes: (operand) => isText(operand) || Number.isFinite(operand) }
const TEXT: Operand = { reason: "must be a text", takes: isText }
const SCALARS: Operand = {
  reason: "must be an array of texts, numbers, true, false or null, not empty",
  takes: (operand) => Array.isArray(operand) && operand.length > 0 && operand.every(isScalar),
}

const OPERANDS: Readonly<Record<string, Operand>> = {
  $eq: SCALAR,
  $neq: SCALAR,
  $gt: ORDERED,
  $gte: ORDERED,
  $lt: ORDERED,
  $lte: ORDERED,
  $in: SCALARS,
  $nin: SCALARS,
  $exists: { reason: "must be true or false", takes: (operand) => typeof operand === "boolean" },
  $startsWith: TEXT,
  $endsWith: TEXT,
  $contains: SCALAR,
}
const ALL = [...Object.keys(OPERANDS), "$not", "$or", "$and"].join(", ")
