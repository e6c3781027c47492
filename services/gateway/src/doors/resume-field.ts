import type { DescField, DescMethodServerStreaming, Message } from "@bufbuild/protobuf"
import { assert } from "@posthorn/core"

/**
 * The field of a feed's messages that says where to go on: the first one, a text that is empty where nobody can. The request takes it in a field of the same name.
 * Throws when a method has none.
 */
export function resumeFieldOf({ input, output, name }: DescMethodServerStreaming): DescField {
  const field = output.fields.find(({ number }) => number === 1)
  assert(field !== undefined && input.fields.some((each) => each.name === field.name), `${name} cannot be gone on with`)
  return field
}

/** What a message says of where to go on; empty = nothing. */
export const resumeTokenOf = (field: DescField, message: Message): string => {
  const value = (message as unknown as Readonly<Record<string, unknown>>)[field.localName]
  return typeof value === "string" ? value : ""
}
