import type { JsonValue } from "@bufbuild/protobuf"
import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import type { JsonBody } from "../doors/json-body.ts"

/** How one field of a body is read. */
export interface FieldReader<T> {
  /** To complete the sentence that begins with the field's name. */
  readonly expects: string
  /** `undefined` when the value is not acceptable. */
  readonly read: (value: JsonValue) => T | undefined
}

export const text: FieldReader<string> = { expects: "must be text", read: (value) => (typeof value === "string" ? value : undefined) }

export const truth: FieldReader<boolean> = {
  expects: "must be true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
}

export const texts: FieldReader<string[]> = {
  expects: "must be an array of text",
  read: (value) => (Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined),
}

export const textsByName: FieldReader<Record<string, string>> = {
  expects: "must be an object whose values are text",
  read: (value) =>
    typeof value === "object" && !Array.isArray(value) && value !== null && Object.values(value).every((item) => typeof item === "string")
      ? (value as Record<string, string>)
      : undefined,
}

type FieldsOf<Readers> = { readonly [Name in keyof Readers]?: Readers[Name] extends FieldReader<infer T> ? T : never }

/** The fields of a body that are there; `null` counts as absent. Others are passed over, as the services whose clients call do. Every fault is told at once. */
export function readFields<Readers extends Readonly<Record<string, FieldReader<unknown>>>>(
  body: JsonBody | Refusal,
  readers: Readers,
): FieldsOf<Readers> | Refusal {
  if (isRefusal(body)) return body
  const json = body.value
  const given = Object.entries(readers).filter(([name]) => (json[name] ?? null) !== null)
  const read = given.map(([name, reader]) => ({ name, reader, value: reader.read(json[name] ?? null) }))
  const details = read.filter(({ value }) => value === undefined).map(({ name, reader }) => ({ field: name, reason: reader.expects }))
  if (details.length > 0) return refuse("invalid_argument", "The request has fields that cannot be read.", { details })
  // Each value comes from the reader of its name.
  return Object.fromEntries(read.map(({ name, value }) => [name, value])) as FieldsOf<Readers>
}
