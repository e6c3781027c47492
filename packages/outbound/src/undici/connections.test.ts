import { ErrorClass } from "@posthorn/proto"
import { answer, hang, OK, type RawEndpoint, startRawEndpoint, startReceiver } from "@posthorn/testkit"
import { afterEach, expect, it, vi } from "vitest"
import type { AttemptSender } from "../attempt-sender.ts"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import { createUndiciSender } from "./undici-sender.ts"

let sender: AttemptSender
afterEach(async () => {
  vi.useRealTimers()
  await sender.close()
})

it("sends the very bytes, headers, method and path that it was given, and its own host and length", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback") })
  await using receiver = await startReceiver()
  const body = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const headers = { "content-type": "application/x-any", "webhook-id": "dlv_1", host: "elsewhere.example.com", "content-length": "1" }
  await sender.send(requestTo(`${receiver.url}/a%20b/?c=d&e`, { method: "PUT", headers, body }))
  expect(receiver.requests).toMatchObject([{ method: "PUT", path: "/a%20b/?c=d&e" }])
  expect(receiver.requests[0]?.body.equals(body)).toBe(true)
  expect(receiver.requests[0]?.headers).toMatchObject({
    "content-type": "application/x-any",
    "webhook-id": "dlv_1",
    host: `127.0.0.1:${receiver.port}`,
    "content-length": "256",
  })
})

it("uses one connection for requests after each other, and measures its making once", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback") })
  await using endpoint = await startRawEndpoint({ onRequest: (socket) => socket.write(OK) })
  const first = await sender.send(requestTo(endpoint.url))
  const second = await sender.send(requestTo(endpoint.url))
  expect(endpoint.connections).toBe(1)
  expect(first.phases.connect).toBeGreaterThan(0)
  expect(second.phases).toMatchObject({ dns: 0, connect: 0, tls: 0 })
  expect(second.phases.firstByte).toBeGreaterThan(0)
})

it("opens no more connections to an endpoint than allowed, and lets the others wait their turn", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback"), connectionsPerEndpoint: 2 })
  await using endpoint = await startRawEndpoint({ onRequest: (socket) => setImmediate(() => socket.write(OK)) })
  const results = await Promise.all(Array.from({ length: 50 }, () => sender.send(requestTo(endpoint.url))))
  expect(results.every((result) => result.kind === "answer")).toBe(true)
  expect(endpoint.connections).toBe(2)
})

it("makes a new connection for each request that waits when the endpoint closes after every answer", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback"), connectionsPerEndpoint: 1 })
  await using endpoint = await startRawEndpoint({
    onRequest: (socket) => socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
  })
  const results = await Promise.all(Array.from({ length: 5 }, () => sender.send(requestTo(endpoint.url))))
  expect(results).toMatchObject(results.map(() => ({ statusCode: 200 })))
  expect(endpoint).toMatchObject({ connections: 5, requests: 5 })
})

it("lets a request that waits for a connection fail at its own deadline, and the next one take the freed connection's place", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback"), connectionsPerEndpoint: 1 })
  await using receiver = await startReceiver({ behaviour: hang })
  const hanging = sender.send(requestTo(receiver.url, { timeoutMs: 400 }))
  await receiver.waitFor((requests) => requests.length === 1)
  const impatient = sender.send(requestTo(receiver.url, { timeoutMs: 50 }))
  const patient = sender.send(requestTo(receiver.url))
  expect(await impatient).toMatchObject({
    errorClass: ErrorClass.TIMEOUT,
    error: "timed out after 50 ms while waiting for a free connection to the endpoint",
  })
  receiver.behave(answer(200))
  expect(await hanging).toMatchObject({ errorClass: ErrorClass.TIMEOUT })
  expect(await patient).toMatchObject({ statusCode: 200 })
  expect(receiver.count).toBe(2)
})

it("closes the connection that was idle the longest when too many are idle, and breaks no request under way", async () => {
  // Without a clock no connection ends by its age.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  sender = createUndiciSender({ policy: policyAllowing("loopback"), idleConnections: 2 })
  const closed: number[] = []
  const twoClosed = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  await using busy = await startRawEndpoint({ onRequest: (socket) => void release.promise.then(() => socket.write(OK)) })
  const underWay = sender.send(requestTo(busy.url))
  await using stack = new AsyncDisposableStack()
  const endpoints: RawEndpoint[] = []
  for (let nth = 0; nth < 4; nth++) {
    const endpoint = await startRawEndpoint({
      onRequest: (socket) => {
        socket.once("close", () => {
          if (closed.push(nth) === 2) twoClosed.resolve()
        })
        socket.write(OK)
      },
    })
    endpoints.push(stack.use(endpoint))
    await sender.send(requestTo(endpoint.url))
  }
  await twoClosed.promise
  expect(closed).toEqual([0, 1])
  for (const endpoint of endpoints.slice(2)) await sender.send(requestTo(endpoint.url))
  expect(endpoints.map((endpoint) => endpoint.connections)).toEqual([1, 1, 1, 1])
  release.resolve()
  expect(await underWay).toMatchObject({ statusCode: 200 })
})

it("calls a closed port a connect failure", async () => {
  sender = createUndiciSender({ policy: policyAllowing("loopback") })
  const receiver = await startReceiver()
  await receiver.stop()
  const result = await sender.send(requestTo(receiver.url))
  expect(result).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
  expect(result.kind === "none" && result.error).toContain("ECONNREFUSED")
})
