import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf"
import { pathToString, reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt"
import { createValidator, type Violation as RuleViolation } from "@bufbuild/protovalidate"
import { assert, refuse, type Refusal, type Violation } from "@posthorn/core"

const validator = createValidator()

/**
 * Judges requests by the rules of the contract, all violations at once. Of a resource that comes with a mask, only the fields that the mask names are
 * judged: the others are not going to be looked at. Throws when the rules cannot be compiled; the first request pays nothing for compiling them.
 */
export function requestRules(desc: DescMessage): (request: Message) => Refusal | undefined {
  const first = validator.validate(desc, create(desc))
  if (first.kind === "error") throw first.error
  const masked = maskedResource(desc)
  return (request) => {
    const result = validator.validate(desc, request)
    if (result.kind === "valid" && masked === undefined) return undefined
    if (result.kind === "error") throw result.error
    const found = result.violations ?? []
    const details = masked === undefined ? found.map(detailOf) : withinMask(reflect(desc, request), masked, found)
    return details.length === 0 ? undefined : refuse("invalid_argument", "The request has fields that cannot be accepted.", { details })
  }
}

/** A mask and the field that it is about. */
export interface MaskedResource {
  readonly mask: DescField
  readonly resource: DescField & { readonly message: DescMessage }
}

/** The mask of an update and the one resource beside it; `undefined` for every other request. */
export function maskedResource(desc: DescMessage): MaskedResource | undefined {
  const mask = desc.fields.find((field) => field.message?.typeName === FieldMaskSchema.typeName)
  if (mask === undefined) return undefined
  const resource = desc.fields.find((field) => field !== mask && field.fieldKind === "message")
  assert(resource?.fieldKind === "message", `${desc.typeName} has a mask for nothing`)
  return { mask, resource }
}

function withinMask(request: ReflectMessage, { mask, resource }: MaskedResource, found: readonly RuleViolation[]): Violation[] {
  const given = (request.get(mask) as ReflectMessage).message as FieldMask
  const paths = given.paths.map((path) => path.split(".")[0])
  const known = new Set(resource.message.fields.map((field) => field.name))
  const unknown = paths.filter((path) => path === undefined || !known.has(path))
  const judged = (violation: RuleViolation) => {
    const [top, field] = violation.field
    return paths.length === 0 || top !== resource || field?.kind !== "field" || paths.includes(field.name)
  }
  return [...found.filter(judged).map(detailOf), ...unknown.map((path) => ({ field: mask.name, reason: `names no field: ${path}` }))]
}

function detailOf({ field, message, forKey }: RuleViolation): Violation {
  const reason = message === "" ? "is not valid" : message
  return { field: pathToString(field), reason: forKey ? `its name ${reason}` : reason }
}
