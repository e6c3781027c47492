import { Agent } from "node:http"
import { connect } from "node:net"
import { limits } from "@posthorn/core"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openRequest, openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())

/** Sends bytes and answers everything that comes back until the server closes. */
function sendBytes(url: string, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let answer = ""
  const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
  socket.on("data", (chunk) => (answer += chunk.toString()))
  socket.on("close", () => resolve(answer)).on("error", () => undefined)
  return promise
}

test.each([
  ["not HTTP", "EHLO\r\n\r\n", 400],
  ["headers over the limit", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(limits.REQUEST_HEADERS_BYTES_MAX)}\r\n\r\n`, 431],
  ["two different lengths", "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400],
  ["a length and chunks", "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400],
])("%s is answered in the shape of every error, and the connection closed", async (_, text, status) => {
  const answer = await sendBytes(doors.url, text)
  expect(answer.split("\r\n")[0]).toContain(`HTTP/1.1 ${status} `)
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({
    code: "invalid_argument",
    details: [],
    requestId: expect.any(String) as string,
  })
})

test("the tools of an operator need no key", async () => {
  const bare = { authorization: "" }
  expect((await doors.rest("GET", "/health", undefined, bare)).json).toEqual({ status: "ok" })
  expect((await doors.rest("GET", "/livez", undefined, bare)).status).toBe(200)
  expect((await doors.rest("GET", "/readyz", undefined, bare)).status).toBe(200)
  expect((await doors.rest("GET", "/metrics", undefined, bare)).json).toBe("posthorn_up 1\n")
  expect((await doors.rest("POST", "/webhook", { any: 1 }, bare)).json).toEqual({ received: true })
  expect((await doors.rest("POST", "/health", {}, bare)).headers.get("allow")).toBe("GET, HEAD")
})

test("health is 503 when the gateway cannot serve, and 500 when that cannot be found out", async () => {
  const probes = { ready: () => false, metrics: () => Promise.reject(new Error("no")) }
  await using own = await openTestDoors({ probes: { ...probes, health: async () => ({ serving: false, body: { status: "down" } }) } })
  expect(await own.rest("GET", "/health")).toMatchObject({ status: 503, json: { status: "down" } })
  expect((await own.rest("GET", "/readyz")).status).toBe(503)
  expect((await own.rest("GET", "/metrics")).status).toBe(500)
  expect(own.failures).toHaveLength(1)
})

test("every answer forbids guessing, framing and keeping", async () => {
  for (const path of ["/v1/applications", "/health", "/nothing"]) {
    const { headers } = await doors.rest("GET", path)
    expect([headers.get("x-content-type-options"), headers.get("cache-control"), headers.get("content-security-policy")]).toEqual([
      "nosniff",
      "no-store",
      "default-src 'none'; frame-ancestors 'none'",
    ])
  }
})

test("HEAD is answered as GET, without the body", async () => {
  const reply = await fetch(`${doors.url}/v1/applications`, { method: "HEAD", headers: { authorization: "Bearer viewer" } })
  expect([reply.status, await reply.text()]).toEqual([200, ""])
})

test("no origin is let in by default", async () => {
  const { headers, status } = await doors.rest("OPTIONS", "/v1/events", undefined, {
    origin: "https://a.example",
    "access-control-request-method": "POST",
  })
  expect([status, headers.get("access-control-allow-origin")]).toEqual([405, null])
})

test.each([
  [["https://a.example"], "https://a.example", "https://a.example"],
  [["https://a.example"], "https://b.example", null],
  [["*"], "https://b.example", "*"],
])("with origins %j, %s is told %j", async (corsOrigins, origin, allowed) => {
  await using own = await openTestDoors({ corsOrigins })
  const preflight = await own.rest("OPTIONS", "/v1/events", undefined, { origin, "access-control-request-method": "POST" })
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([allowed === null ? 405 : 204, allowed])
  for (const [method, path] of [
    ["GET", "/v1/applications"],
    ["POST", "/posthorn.v1.ApplicationService/ListApplications"],
  ] as const) {
    const { status, headers } = await own.rest(method, path, method === "POST" ? {} : undefined, { origin })
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, allowed])
    expect(headers.get("access-control-allow-credentials")).toBeNull()
  }
})

test(
  "closing answers what is under way, closes idle connections, and takes no new ones",
  async () => {
    await using own = await openTestDoors()
    await own.rest("GET", "/livez") // Leaves an idle connection behind.
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const agent = new Agent({ keepAlive: true })
    const request = openRequest(`${own.url}/v1/events`, { "content-type": "application/json" }, agent)
    request.on("response", (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on("error", reject)
    request.write('{"type":')
    await expect.poll(() => own.authenticated).toBe(1) // The request is under way.
    const closed = own.close()
    request.end('"a"}')
    expect(await promise).toBe(202)
    await closed // By the server: the client would keep its connection.
    agent.destroy()
    await expect(own.rest("GET", "/livez")).rejects.toThrow()
  },
  limits.DRAIN_MS / 2,
)

test("more doors are asked last", async () => {
  await using own = await openTestDoors({
    more: [
      (exchange) => {
        if (!exchange.path.startsWith("/more") && exchange.path !== "/livez") return false
        exchange.send(200, { "content-type": "text/plain" }, "more")
        return true
      },
    ],
  })
  expect((await own.rest("GET", "/more/of/it")).json).toBe("more")
  expect((await own.rest("GET", "/livez")).json).toEqual({ status: "ok" })
})

test("a connection over which nothing was ever asked does not hold up the end", async () => {
  const own = await openTestDoors()
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const socket = connect(Number(new URL(own.url).port), "127.0.0.1")
  socket.on("close", () => resolve()).on("error", () => undefined)
  await own.rest("GET", "/livez")
  const ended = own.close().then(() => "closed")
  await closed
  expect(await ended).toBe("closed")
})
