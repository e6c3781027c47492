import { Validator } from "@seriousme/openapi-schema-validator"
import { expect, test } from "vitest"
import { publicFeeds, publicMethods, roleOf } from "../doors/methods.ts"
import { bindingsOf } from "../doors/rest-binding.ts"
import { openApiDocument } from "./document.ts"
import { otherPaths } from "./other-paths.ts"

const document = openApiDocument()
const routed = [...publicMethods, ...publicFeeds]
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
)

test("the description keeps the rules of OpenAPI 3.1, and every reference in it leads somewhere", async () => {
  const validator = new Validator()
  expect(await validator.validate(structuredClone(document) as Record<string, unknown>)).toEqual({ valid: true })
  expect(validator.version).toBe("3.1")
  expect(() => validator.resolveRefs()).not.toThrow()
})

test("every route of the contract is described, and nothing else but the ingest address and the pages", () => {
  const routes = routed.flatMap((method) => bindingsOf(method)).map(({ httpMethod, template }) => `${httpMethod} ${anonymous(template)}`)
  const others = Object.entries(otherPaths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${anonymous(path)}`),
  )
  expect(operations.map(({ route }) => anonymous(route)).toSorted()).toEqual([...routes, ...others].toSorted())
})

test("every operation has a name of its own, a summary, and the role that its method asks for", () => {
  const ids = operations.map(({ operation }) => operation["operationId"])
  expect(new Set(ids).size).toBe(ids.length)
  expect(operations.filter(({ operation }) => !operation["summary"]).map(({ route }) => route)).toEqual([])
  const roles = operations.filter(({ operation }) => operation["x-required-role"] !== undefined)
  expect(roles).toHaveLength(routed.flatMap((method) => bindingsOf(method)).length)
  expect(routed.every((method) => roleOf(method) > 0)).toBe(true)
})

test("every schema is referred to", () => {
  const text = JSON.stringify(document)
  const { schemas } = document.components as { schemas: object }
  expect(Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`))).toEqual([])
})

test("requests have the rules of the contract, and answers what is always there", () => {
  const { schemas } = document.components as { schemas: Record<string, { properties: Record<string, unknown>; required?: string[] }> }
  expect(schemas["SubscriptionInput"]).toMatchObject({
    required: ["url"],
    additionalProperties: false,
    properties: {
      url: { type: "string", format: "uri", minLength: 1, maxLength: 2048 },
      timeoutMs: { type: ["integer", "null"], anyOf: [{ const: 0 }, { minimum: 100, maximum: 60_000 }, { type: "null" }] },
      eventTypes: { type: ["array", "null"], maxItems: 200, items: { type: "string", maxLength: 128 } },
      signatureStyle: { enum: ["standard", "hub", "x-webhook-signature", "x-signature", null] },
      retryPolicy: { anyOf: [{ $ref: "#/components/schemas/RetryPolicyInput" }, { type: "null" }] },
      createdAt: { readOnly: true },
    },
  })
  expect(schemas["SubscriptionPatch"]).not.toHaveProperty("required")
  expect(schemas["Subscription"]?.required).toEqual(expect.arrayContaining(["id", "url", "eventTypes", "metadata", "etag"]))
  for (const absent of ["enabled", "secret", "signatureStyle", "source", "createdAt"])
    expect(schemas["Subscription"]?.required).not.toContain(absent)
  expect(schemas["KeyInput"]?.properties["role"]).toMatchObject({ enum: ["admin", "viewer", "sender"] })
  expect(schemas["PublishRequestInput"]).toMatchObject({ required: ["type"], not: { required: ["data", "payload"] } })
})

function anonymous(path: string): string {
  return path.replaceAll(/\{\w+\}/g, "{}")
}
