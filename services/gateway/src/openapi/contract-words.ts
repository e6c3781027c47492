import type { DescField, DescMethod } from "@bufbuild/protobuf"
import { comments } from "@posthorn/proto/comments"
import { wordOf } from "../doors/enum-words.ts"
import { publicFiles } from "../doors/methods.ts"

/** What the contract says of a part of it, in the words of REST: fields in lowerCamelCase, values of enums as short words. */
export function saidOf(fullName: string): string {
  const text = comments[fullName] ?? ""
  return text
    .replaceAll(/`[a-z]+(?:_[a-z0-9]+)+`/g, (name) => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()))
    .replaceAll(/\b[A-Z]+(?:_[A-Z0-9]+)+\b/g, (name) => enumWords.get(name) ?? name)
}

export const saidOfField = (field: DescField): string => saidOf(`${field.parent.typeName}.${field.name}`)

export const saidOfMethod = (method: DescMethod): string => saidOf(`${method.parent.typeName}.${method.name}`)

const enumWords: ReadonlyMap<string, string> = new Map(
  publicFiles.flatMap(({ enums }) =>
    enums.flatMap((desc) => desc.values.map(({ name, number }) => [name, `\`${wordOf(desc, number) ?? ""}\``] as const)),
  ),
)
