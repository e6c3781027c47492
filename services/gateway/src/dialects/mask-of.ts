import { refuse, type Refusal } from "@posthorn/core"

/** A mask of the fields that have a value, by their paths in the contract. Refuses a change of nothing: there, an empty mask means every field. */
export function maskOf(values: Readonly<Record<string, unknown>>): { readonly paths: string[] } | Refusal {
  const paths = Object.keys(values).filter((path) => values[path] !== undefined)
  return paths.length > 0 ? { paths } : refuse("invalid_argument", "There is nothing to change: the body names no field.")
}
