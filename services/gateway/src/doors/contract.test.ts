import { create, type DescMessage } from "@bufbuild/protobuf"
import { expect, test } from "vitest"
import { Handlers, methodName } from "../call.ts"
import { CODES } from "../error-boundary.ts"
import { openTestDoors } from "./doors-under-test.ts"
import { publicFeeds, publicMethods, roleOf } from "./methods.ts"
import { requestRules } from "./request-rules.ts"
import { bindingsOf } from "./rest-binding.ts"
import { resumeFieldOf } from "./resume-field.ts"

const routed = [...publicMethods, ...publicFeeds]

test("the contract has methods at all", () => {
  expect(publicMethods.length).toBeGreaterThan(20)
})

test.each(routed.map((method) => [methodName(method), method] as const))(
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
  const routes = routed
    .flatMap((method) => bindingsOf(method))
    .map(({ httpMethod, template }) => `${httpMethod} ${template.replace(/\{\w+\}/g, "{}")}`)
  expect(new Set(routes).size).toBe(routes.length)
})

test.each(publicFeeds.filter(({ name }) => name.startsWith("Export")).map((method) => [method.name, method] as const))(
  "%s can be asked for all that its list can, and shows its rows",
  (_, { input, output, parent, name }) => {
    const list = parent.methods.find((method) => method.name === name.replace("Export", "List"))
    const facts = ({ fields }: DescMessage) =>
      fields.map((field) => `${field.name} ${field.fieldKind} ${field.enum?.typeName ?? field.scalar}`)
    const wanted = facts(list!.input).filter((fact) => !fact.startsWith("page_size "))
    expect(facts(input).filter((fact) => !fact.startsWith("with_attempts "))).toEqual(expect.arrayContaining(wanted))
    expect(facts(input).length - wanted.length).toBe(name === "ExportDeliveries" ? 1 : 0)
    expect(output.fields[1]?.message).toBe(list!.output.fields[0]?.message)
  },
)

test.each(publicFeeds.map((method) => [method.name, method] as const))("%s can be gone on with", (_, method) => {
  expect(resumeFieldOf(method).fieldKind).toBe("scalar")
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
