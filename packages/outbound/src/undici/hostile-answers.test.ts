import { gzipSync } from "node:zlib"
import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { answer, eventually, OK, redirectTo, startRawEndpoint, startReceiver } from "@posthorn/testkit"
import { afterEach, beforeEach, expect, it } from "vitest"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import type { AttemptSender } from "../attempt-sender.ts"
import { createUndiciSender } from "./undici-sender.ts"

let sender: AttemptSender
beforeEach(() => {
  sender = createUndiciSender({ policy: policyAllowing("loopback") })
})
afterEach(() => sender.close())

// What single endpoints do to single requests is in the zoo of the testkit; these need more than one request, or a look at what was sent.

it("asks for no compression and unpacks none", async () => {
  const packed = gzipSync(Buffer.alloc(10_000_000))
  await using receiver = await startReceiver({ behaviour: answer(200, { headers: { "content-encoding": "gzip" }, body: packed }) })
  const result = await sender.send(requestTo(receiver.url, { headers: { "accept-encoding": "gzip" } }))
  expect(receiver.requests[0]?.headers["accept-encoding"]).toBe("identity")
  expect(result.kind === "answer" && Buffer.from(result.body).equals(packed.subarray(0, limits.RESPONSE_BODY_KEPT_BYTES_MAX))).toBe(true)
})

it.each([301, 302, 303, 307, 308])("hands over a %i to loopback, metadata and relative places without going there", async (statusCode) => {
  await using elsewhere = await startReceiver()
  for (const location of [elsewhere.url, "http://169.254.169.254/latest/meta-data/", `//127.0.0.1:${elsewhere.port}/`, "/again"]) {
    await using receiver = await startReceiver({ behaviour: redirectTo(location, statusCode) })
    const result = await sender.send(requestTo(receiver.url))
    expect(result).toMatchObject({ kind: "answer", statusCode, headers: { location } })
    expect(receiver.count).toBe(1)
  }
  expect(elsewhere.count).toBe(0)
})

it("does not send again when a kept-alive connection is cut before the answer", async () => {
  await using endpoint = await startRawEndpoint({ onRequest: (socket, nth) => (nth.overall === 2 ? socket.destroy() : socket.write(OK)) })
  expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ statusCode: 200 })
  expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
  expect(endpoint.requests).toBe(2)
  expect(endpoint.connections).toBe(1)
})

it("makes a new connection when the kept-alive one ended while it was idle", async () => {
  let closed = 0
  await using endpoint = await startRawEndpoint({ onRequest: (socket) => socket.on("close", () => closed++).end(OK) })
  for (let nth = 1; nth <= 3; nth++) {
    expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ statusCode: 200 })
    expect(endpoint.requests).toBe(nth)
    await eventually(() => closed === nth, { what: "the end of the connection at both ends" })
  }
})

it("never takes a second answer in one packet for the answer to the next request", async () => {
  const planted = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
  await using endpoint = await startRawEndpoint({ onRequest: (socket, nth) => socket.write(nth.overall === 1 ? OK + planted : OK) })
  const results = [await sender.send(requestTo(endpoint.url)), await sender.send(requestTo(endpoint.url))]
  expect(results).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }])
})

it("gives a request that HTTP cannot carry an outcome and sends nothing", async () => {
  await using receiver = await startReceiver()
  const impossible = [
    { headers: { "x-a": "b\r\nx-c: d" } },
    { headers: { "x a": "b" } },
    { headers: { "transfer-encoding": "chunked" } },
    { method: "PO ST" },
  ]
  for (const change of impossible) {
    expect(await sender.send(requestTo(receiver.url, change))).toMatchObject({ kind: "none", errorClass: ErrorClass.PROTOCOL })
  }
  expect(receiver.count).toBe(0)
})
