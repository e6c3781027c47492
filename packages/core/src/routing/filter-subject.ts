import type { Subscription } from "@posthorn/proto"
import { jsonOf } from "../event/json-content.ts"
import { filterFailure, type FilterSubject } from "./filter.ts"

interface Filterable {
  readonly type: string
  readonly metadata: Readonly<Record<string, string>>
  readonly payload: Uint8Array
}

/** Reads the payload, whatever its content type says it is. Of members with one name the last counts. */
export function filterSubjectOf({ type, metadata, payload }: Filterable): FilterSubject {
  const data = jsonOf(payload)
  return data === undefined ? { type, metadata } : { type, metadata, data }
}

/** Those whose filter takes the event. A payload is read once, and only if one of them has a filter. */
export function passing<Entity extends { readonly subscription: Subscription }>(
  event: Filterable,
  entities: readonly Entity[],
): readonly Entity[] {
  let subject: FilterSubject | undefined
  const passes = ({ subscription: { filter } }: Entity): boolean =>
    filter === undefined || filterFailure(filter, (subject ??= filterSubjectOf(event))) === undefined
  return entities.every(({ subscription }) => subscription.filter === undefined) ? entities : entities.filter(passes)
}
