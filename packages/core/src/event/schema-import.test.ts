import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import { expect, test } from "vitest"
import { isRefusal } from "../refusal.ts"
import * as limits from "../limits.ts"
import { webhooksOf } from "./schema-import.ts"

const hook = (media: JsonObject, more: JsonObject = {}): JsonObject => ({
  post: { requestBody: { content: { "application/json": media } }, ...more },
})
const read = (document: JsonObject) => {
  const found = webhooksOf({ openapi: "3.1.0", ...document })
  if (isRefusal(found)) throw new Error(found.message)
  return found
}
const reasonOf = (document: JsonObject): string | undefined => {
  const [first] = read(document)
  return first && "refused" in first ? first.refused.details[0]?.reason : undefined
}

test("a webhook is its name, what is said of it, its schema with what that leads to, and its example", () => {
  const document = {
    webhooks: {
      "order.paid": hook(
        {
          schema: {
            type: "object",
            properties: { a: { $ref: "#/components/schemas/a~1b" }, b: { $ref: "#/components/schemas/Tree/properties/next" } },
          },
          examples: { one: { $ref: "#/components/examples/one" } },
        },
        { summary: "short", description: "long", deprecated: true },
      ),
      "order.sent": { $ref: "#/components/pathItems/sent" },
      "order.lost": { put: { summary: "s" } },
    },
    components: {
      schemas: {
        "a/b": { $ref: "#/components/schemas/Tree" },
        Tree: { properties: { next: { $ref: "#/components/schemas/Tree" } } },
        Unused: {},
      },
      examples: { one: { value: { a: 1 } } },
      pathItems: { sent: { post: { requestBody: { $ref: "#/components/requestBodies/sent" } } } },
      requestBodies: { sent: { content: { "application/json": { schema: { type: "string" }, example: "x" } } } },
    },
  }
  const Tree = { properties: { next: { $ref: "#/$defs/Tree" } } }
  expect(read(document)).toEqual([
    {
      name: "order.paid",
      description: "long",
      deprecated: true,
      schema: {
        type: "object",
        properties: { a: { $ref: "#/$defs/a~1b" }, b: { $ref: "#/$defs/Tree/properties/next" } },
        $defs: { "a/b": { $ref: "#/$defs/Tree" }, Tree },
      },
      example: { a: 1 },
    },
    { name: "order.sent", description: "", deprecated: false, schema: { type: "string" }, example: "x" },
    { name: "order.lost", description: "s", deprecated: false, schema: undefined, example: undefined },
  ])
})

test.each<[string, JsonValue, RegExp]>([
  ["a name that no event type has", { "new pet": hook({}) }, /name of an event type/],
  ["no operation", { a: {} }, /post, put or patch/],
  ["a reference to elsewhere", { a: { $ref: "https://example.com/" } }, /post, put or patch/],
  ["references in a circle", { a: { $ref: "#/webhooks/a" } }, /post, put or patch/],
  ["a schema that is none", { a: hook({ schema: [] }) }, /no object/],
  ["a component that is not there", { a: hook({ schema: { $ref: "#/components/schemas/A" } }) }, /is not there/],
])("%s refuses one webhook alone", (_, webhooks, reason) => {
  expect(reasonOf({ webhooks })).toMatch(reason)
  const both = { b: hook({ schema: {} }), ...(webhooks as JsonObject) }
  expect(read({ webhooks: both }).map((each) => "refused" in each)).toEqual([false, true])
})

test("a document that is none of 3.1, or has too many webhooks, is refused; one without webhooks has none", () => {
  expect(webhooksOf({ openapi: "3.0.3" })).toMatchObject({ details: [{ field: "document.openapi" }] })
  expect(webhooksOf({ openapi: "3.1.0", webhooks: [] })).toMatchObject({ details: [{ field: "document.webhooks" }] })
  const many = Object.fromEntries(Array.from({ length: limits.EVENT_TYPES_MAX + 1 }, (_, index) => [`w${index}`, {}]))
  expect(webhooksOf({ openapi: "3.1.0", webhooks: many })).toMatchObject({ details: [{ field: "document.webhooks" }] })
  expect(read({})).toEqual([])
})

test("a component that many webhooks lead to is copied so often and no more", () => {
  const webhooks = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`w${index}`, hook({ schema: { $ref: "#/components/schemas/Big" } })]),
  )
  const Big = { enum: Array.from({ length: 2000 }, (_, index) => index) }
  const refused = read({ webhooks, components: { schemas: { Big } } }).filter((each) => "refused" in each)
  expect(refused.length).toBeGreaterThan(100)
  expect(refused.length).toBeLessThan(200)
})
