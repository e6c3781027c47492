import { clone, type DescMessage, type MessageShape } from "@bufbuild/protobuf"
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { refuse, type Refusal } from "../refusal.ts"

/** A change of some fields of a resource. */
export interface MaskedChange<Desc extends DescMessage> {
  readonly schema: Desc
  readonly current: MessageShape<Desc>
  readonly wanted: MessageShape<Desc>
  /** Names as in a `FieldMask`, `source.scheme` for a field of a field; none = every field. */
  readonly paths: readonly string[]
  /** Fields that only the server sets: naming them changes nothing, so that what was read can be sent back whole. */
  readonly serverFields: readonly string[]
}

/** A copy of the current resource with the named fields as wanted; a named field that is not set goes back to its default. */
export function applyMask<Desc extends DescMessage>(change: MaskedChange<Desc>): MessageShape<Desc> | Refusal {
  const { schema, current, wanted, serverFields } = change
  const paths = change.paths.length > 0 ? change.paths : schema.fields.map((field) => field.name)
  const next = clone(schema, current)
  const unknown: string[] = []
  for (const path of paths) {
    const steps = path.split(".")
    if (serverFields.includes(steps[0] ?? "")) continue
    if (!copyField(reflect(schema, next), reflect(schema, wanted), steps)) unknown.push(path.slice(0, 100))
  }
  if (unknown.length === 0) return next
  return refuse("invalid_argument", "The update mask names fields that do not exist.", {
    details: unknown.slice(0, 20).map((path) => ({ field: "update_mask", reason: `${path} is not a field` })),
  })
}

/** Whether a mask takes a field in: by its name, or by naming none at all. */
export const masks = (paths: readonly string[], field: string): boolean => paths.length === 0 || paths.includes(field)

function copyField(target: ReflectMessage, source: ReflectMessage, steps: readonly string[]): boolean {
  const [name, ...below] = steps
  const field = target.fields.find((each) => each.name === name)
  if (field === undefined) return false
  if (below.length === 0) {
    if (source.isSet(field)) target.set(field, source.get(field))
    else target.clear(field)
    return true
  }
  if (field.fieldKind !== "message") return false
  if (!target.isSet(field)) target.set(field, reflect(field.message))
  return copyField(target.get(field), source.get(field), below)
}
