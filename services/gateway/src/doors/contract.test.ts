import { create } from "@bufbuild/protobuf"
import { expect, test } from "vitest"
import { Handlers, methodName } from "../call.ts"
import { CODES } from "../error-boundary.ts"
import { openTestDoors } from "./doors-under-test.ts"
import { publicMethods, roleOf } from "./methods.ts"
import { requestRules } from "./request-rules.ts"
import { bindingsOf } from "./rest-binding.ts"

test("the contract has methods at all", () => {
  expect(publicMethods.length).toBeGreaterThan(20)
})

test.each(publicMethods.map((method) => [methodName(method), method] as const))(
  "%s declares a role, a route, and rules that compile",
  (_, method) => {
    expect(roleOf(method)).toBeGreaterThan(0)
    expect(bindingsOf(method).length).toBeGreaterThan(0)
    expect(() => requestRules(method.input)(create(method.input))).not.toThrow()
    for (const { template } of bindingsOf(method))
      for (const [, name] of template.matchAll(/\{(\w+)\}/g))
        expect(method.input.field[name!.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())]).toBeDefined()
  },
)

test("no two routes are the same", () => {
  const routes = publicMethods.flatMap(bindingsOf).map(({ httpMethod, template }) => `${httpMethod} ${template.replace(/\{\w+\}/g, "{}")}`)
  expect(new Set(routes).size).toBe(routes.length)
})

test("doors do not open when a method has no handler", async () => {
  await expect(openTestDoors({ handlers: new Handlers() })).rejects.toThrow("has no handler")
})

test("HTTP statuses are those of google.rpc.Code", () => {
  expect(Object.fromEntries(Object.entries(CODES).map(([code, { http, number }]) => [code, [number, http]]))).toEqual({
    invalid_argument: [3, 400],
    deadline_exceeded: [4, 504],
    not_found: [5, 404],
    already_exists: [6, 409],
    permission_denied: [7, 403],
    resource_exhausted: [8, 429],
    failed_precondition: [9, 400],
    aborted: [10, 409],
    unimplemented: [12, 501],
    internal: [13, 500],
    unavailable: [14, 503],
    unauthenticated: [16, 401],
  })
})
