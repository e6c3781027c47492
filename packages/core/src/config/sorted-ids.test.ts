import fc from "fast-check"
import { expect, test } from "vitest"
import { SortedIds } from "./sorted-ids.ts"

const id = fc.nat(30).map((number) => `app_${String(number).padStart(3, "0")}`)

test("pages of newest ids, one after the other, are all ids without gap or repetition, after any additions and removals", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(id, fc.boolean())), fc.integer({ min: 1, max: 5 }), (steps, size) => {
      const ids = new SortedIds()
      const model = new Set<string>()
      for (const [each, added] of steps) {
        if (added) {
          ids.add(each)
          model.add(each)
        } else {
          ids.remove(each)
          model.delete(each)
        }
      }
      const seen: string[] = []
      for (let page = ids.newest(size); page.length > 0; page = ids.newest(size, page.at(-1))) seen.push(...page)
      expect(seen).toEqual([...model].toSorted().toReversed())
      expect([...ids]).toEqual([...model].toSorted())
    }),
  )
})

test("a page goes on below an id that was removed meanwhile", () => {
  const ids = new SortedIds()
  for (const each of ["a", "b", "c", "d"]) ids.add(each)
  ids.remove("c")
  expect(ids.newest(2, "c")).toEqual(["b", "a"])
})
