import fc from "fast-check"
import { expect, test } from "vitest"
import { matchesPattern, SubscriptionIndex } from "./subscription-index.ts"

const word = fc.constantFrom("order", "created", "item", "a", "b-c", "X_1")
const type = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join("."))
const pattern = fc.oneof(
  fc.constant("*"),
  type,
  type.map((name) => `${name}.*`),
)

test("a prefix pattern takes what lies below it and not the name itself", () => {
  expect(matchesPattern("order.*", "order.created")).toBe(true)
  expect(matchesPattern("order.*", "order.item.added")).toBe(true)
  expect(matchesPattern("order.*", "order")).toBe(false)
  expect(matchesPattern("order.*", "orders.created")).toBe(false)
  expect(matchesPattern("*", "anything")).toBe(true)
})

test("the index finds just what a look at every subscription finds, after any additions and removals", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.array(pattern, { maxLength: 4 }), fc.boolean()), { maxLength: 20 }), type, (subscriptions, name) => {
      const index = new SubscriptionIndex()
      subscriptions.forEach(([patterns], id) => index.add(`${id}`, patterns))
      subscriptions.forEach(([patterns, removed], id) => void (removed && index.remove(`${id}`, patterns)))
      const expected = subscriptions.flatMap(([patterns, removed], id) =>
        !removed && patterns.some((each) => matchesPattern(each, name)) ? [`${id}`] : [],
      )
      expect([...index.match(name)].toSorted()).toEqual(expected.toSorted())
    }),
  )
})
