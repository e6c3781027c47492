import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import { FILTER_STEPS_MAX } from "../limits.ts"

/** What the filters of subscriptions look at. */
export interface FilterSubject {
  readonly type: string
  readonly metadata: Readonly<Record<string, string>>
  /** The payload's value; absent = the payload is not JSON. */
  readonly data?: JsonValue
}

/** The first clause of a filter that an event fails. */
export interface FilterFailure {
  /** In the event, `data.items[*].sku`; `[*]` stands for the elements of an array. */
  readonly path: string
  /** `$gte`; `$steps` when the event was too long to be looked through. */
  readonly operator: string
  readonly expected: JsonValue
  /** `undefined` = there is nothing at the path. */
  readonly actual: JsonValue | undefined
}

/** Characters of a text, or elements of an array, that are searched in the time of a comparison. */
const LOOKED_THROUGH_A_STEP = 100

type Entry = readonly [name: string, operand: JsonValue]

interface Place {
  readonly path: string
  readonly value: JsonValue | undefined
  /** Shared by the whole evaluation: what it may still look at. */
  readonly steps: { left: number }
}

/**
 * The first clause that fails, or `undefined`: the filter takes the event. Keeps to filters that `filterViolations` has no fault to find in; what it
 * does not know fails.
 *
 * An array fulfils what stands together in one condition if one and the same element does; elements that are arrays themselves are not entered.
 * `$exists` and `$contains` are about the array itself, and `$neq`, `$nin` and `$not` hold where the opposite does not: for no element. What is absent
 * fulfils nothing but those and `$exists: false`; null is not absent. Texts compare by their UTF-16 units. A condition on the data of a payload that is
 * not JSON fails, whatever it is.
 */
export function filterFailure(filter: JsonObject, { type, metadata, data }: FilterSubject): FilterFailure | undefined {
  const value = { type, metadata: { ...metadata }, ...(data === undefined ? {} : { data }) }
  const steps = { left: FILTER_STEPS_MAX }
  const failure = failureOf(filter, { path: "", value, steps })
  // What was not looked at can make a condition hold as well as fail.
  return steps.left > 0 ? failure : { path: "", operator: "$steps", expected: FILTER_STEPS_MAX, actual: undefined }
}

function failureOf(condition: JsonValue, place: Place): FilterFailure | undefined {
  if (!isObject(condition)) return failureOfElements([["$eq", condition]], place)
  const ofElements: Entry[] = []
  for (const entry of Object.entries(condition)) {
    const judge = OF_THE_WHOLE.get(entry[0])
    if (judge === undefined) {
      ofElements.push(entry)
      continue
    }
    const failure = judge(entry, place)
    if (failure !== undefined) return failure
  }
  return ofElements.length === 0 ? undefined : failureOfElements(ofElements, place)
}

/** Whether one element fulfils all of it, for an array; otherwise whether the value does. */
function failureOfElements(entries: readonly Entry[], place: Place): FilterFailure | undefined {
  const { value, steps } = place
  if (!Array.isArray(value)) return failureOfOne(entries, place)
  const path = `${place.path}[*]`
  let first: FilterFailure | undefined
  for (const element of value) {
    const failure = failureOfOne(entries, { path, value: element, steps })
    if (failure === undefined) return undefined
    first ??= failure
    if (steps.left <= 0) break
  }
  if (first === undefined) return { path, operator: "$exists", expected: true, actual: value }
  return first.path === path ? { ...first, actual: value } : first
}

function failureOfOne(entries: readonly Entry[], place: Place): FilterFailure | undefined {
  const { path, value, steps } = place
  for (const [name, operand] of entries) {
    steps.left -= Array.isArray(operand) ? operand.length : 1
    if (name.startsWith("$")) {
      if (!compares(name, operand, value)) return { path, operator: name, expected: operand, actual: value }
      continue
    }
    const member = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    const at = path === "" ? name : `${path}.${name}`
    // Only the data of an event can be lacking.
    if (path === "" && member === undefined) return { path: at, operator: "$exists", expected: true, actual: undefined }
    const failure = failureOf(operand, { path: at, value: member, steps })
    if (failure !== undefined) return failure
  }
  return undefined
}

function compares(operator: string, operand: JsonValue, value: JsonValue | undefined): boolean {
  switch (operator) {
    case "$eq":
      return value === operand
    case "$in":
      return value !== undefined && Array.isArray(operand) && operand.includes(value)
    case "$startsWith":
      return typeof value === "string" && typeof operand === "string" && value.startsWith(operand)
    case "$endsWith":
      return typeof value === "string" && typeof operand === "string" && value.endsWith(operand)
    default:
      return inOrder(operator, operand, value)
  }
}

function inOrder(operator: string, operand: JsonValue, value: JsonValue | undefined): boolean {
  const numbers = typeof value === "number" && typeof operand === "number"
  const texts = typeof value === "string" && typeof operand === "string"
  if (!numbers && !texts) return false
  switch (operator) {
    case "$gt":
      return value > operand
    case "$gte":
      return value >= operand
    case "$lt":
      return value < operand
    case "$lte":
      return value <= operand
    default:
      return false
  }
}

type Judge = (entry: Entry, place: Place) => FilterFailure | undefined

const judgedBy =
  (holds: (operand: JsonValue, place: Place) => boolean): Judge =>
  ([operator, operand], place) =>
    holds(operand, place) ? undefined : { path: place.path, operator, expected: operand, actual: place.value }

/** Operators that look at a value itself, also when it is an array. */
const OF_THE_WHOLE: ReadonlyMap<string, Judge> = new Map([
  ["$exists", judgedBy((operand, { value }) => (value !== undefined) === operand)],
  ["$contains", judgedBy(contains)],
  ["$neq", judgedBy((operand, place) => failureOfElements([["$eq", operand]], place) !== undefined)],
  ["$nin", judgedBy((operand, place) => failureOfElements([["$in", operand]], place) !== undefined)],
  ["$not", judgedBy((operand, place) => failureOf(operand, place) !== undefined)],
  ["$or", judgedBy((operand, place) => Array.isArray(operand) && operand.some((each) => failureOf(each, place) === undefined))],
  ["$and", failureOfAll],
])

function contains(operand: JsonValue, { value, steps }: Place): boolean {
  if (!Array.isArray(value) && (typeof value !== "string" || typeof operand !== "string")) return false
  steps.left -= value.length / LOOKED_THROUGH_A_STEP
  if (steps.left <= 0) return false
  return Array.isArray(value) ? value.includes(operand) : typeof operand === "string" && value.includes(operand)
}

function failureOfAll([operator, operand]: Entry, place: Place): FilterFailure | undefined {
  if (!Array.isArray(operand)) return { path: place.path, operator, expected: operand, actual: place.value }
  for (const each of operand) {
    const failure = failureOf(each, place)
    if (failure !== undefined) return failure
  }
  return undefined
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value)
