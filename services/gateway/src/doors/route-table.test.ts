import { expect, test } from "vitest"
import { RouteTable } from "./route-table.ts"

const table = new RouteTable<string>()
for (const route of [
  "GET /v1/events",
  "POST /v1/events:batch",
  "GET /v1/events/{event_id}",
  "GET /v1/events/{event_id}/payload",
  "GET /v1/events/latest",
  "POST /v1/events/{event_id}:replay",
  "GET /v1/applications/{application_id}/keys",
  "DELETE /v1/applications/{application_id}/keys/{key_id}",
]) {
  const [httpMethod = "", template = ""] = route.split(" ")
  table.add(httpMethod, template, route)
}

const find = (route: string) => {
  const [httpMethod = "", path = ""] = route.split(" ")
  const found = table.find(httpMethod, path)
  return found === undefined ? undefined : "allow" in found ? found.allow : [found.target, Object.fromEntries(found.variables)]
}

test.each([
  ["GET /v1/events", ["GET /v1/events", {}]],
  ["POST /v1/events:batch", ["POST /v1/events:batch", {}]],
  ["GET /v1/events/evt_1", ["GET /v1/events/{event_id}", { event_id: "evt_1" }]],
  ["GET /v1/events/latest", ["GET /v1/events/latest", {}]],
  ["GET /v1/events/latest/payload", ["GET /v1/events/{event_id}/payload", { event_id: "latest" }]],
  ["POST /v1/events/evt_1:replay", ["POST /v1/events/{event_id}:replay", { event_id: "evt_1" }]],
  ["GET /v1/events/a%2Fb%3Ac", ["GET /v1/events/{event_id}", { event_id: "a/b:c" }]],
  ["DELETE /v1/applications/a/keys/k", ["DELETE /v1/applications/{application_id}/keys/{key_id}", { application_id: "a", key_id: "k" }]],
])("%s leads to %j", (route, expected) => {
  expect(find(route)).toEqual(expected)
})

test.each([
  "GET /",
  "GET /v1",
  "GET /v1/",
  "GET /v1/events/",
  "GET /v1/events//payload",
  "GET /v1/events/evt_1/",
  "POST /v1/events/evt_1:other",
  "GET /v1/events/%E0%A4%A",
  "GET //v1/events",
  "GET /v1/events/:replay",
])("%s leads nowhere", (route) => {
  expect(find(route)).toBeUndefined()
})

test("a path that is there for other methods says which", () => {
  expect(find("PUT /v1/events")).toEqual(["GET"])
  expect(find("GET /v1/events:batch")).toEqual(["POST"])
})

test("two methods on one route, and forms that are not served, are mistakes of the contract", () => {
  expect(() => table.add("GET", "/v1/events/{other_id}", "x")).toThrow("leads to two methods")
  expect(() => table.add("GET", "/v1/{path=**}", "x")).toThrow("is not served")
})
