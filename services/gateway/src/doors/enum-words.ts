import type { DescEnum } from "@bufbuild/protobuf"

interface Words {
  readonly byNumber: ReadonlyMap<number, string>
  readonly byText: ReadonlyMap<string, number>
}

const known = new WeakMap<DescEnum, Words>()

/** The short word of an enum value as REST shows it: `DELIVERY_STATE_DELIVERED` is `delivered`. `undefined` for the value that means none. */
export function wordOf(desc: DescEnum, number: number): string | undefined {
  return wordsOf(desc).byNumber.get(number)
}

/** The number of a value, named by its word or by its name in the contract; `undefined` when it names none. */
export function numberOf(desc: DescEnum, text: string): number | undefined {
  return wordsOf(desc).byText.get(spelling(text))
}

/** Every word of an enum, for people. */
export function wordList(desc: DescEnum): string {
  return [...wordsOf(desc).byNumber.values()].join(", ")
}

function wordsOf(desc: DescEnum): Words {
  const cached = known.get(desc)
  if (cached !== undefined) return cached
  const prefix = desc.sharedPrefix ?? ""
  const shorts = desc.values.map(({ name, number }) => ({ name, number, short: spelling(name.slice(prefix.length)) }))
  const words: Words = {
    byNumber: new Map(shorts.filter(({ number }) => number !== 0).map(({ number, short }) => [number, short])),
    byText: new Map(
      shorts.flatMap(
        ({ name, number, short }) =>
          [
            [spelling(name), number],
            [short, number],
          ] as const,
      ),
    ),
  }
  known.set(desc, words)
  return words
}

function spelling(text: string): string {
  return text.toLowerCase().replaceAll("_", "-")
}
