import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { answer, eventually, redirectTo, startReceiver } from "@posthorn/testkit"
import { afterEach, beforeEach, expect, it } from "vitest"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import type { AttemptSender } from "../attempt-sender.ts"
import { flood, startHostileEndpoint, trickle } from "../conformance/hostile-endpoint.ts"
import { createUndiciSender } from "./undici-sender.ts"

let sender: AttemptSender
beforeEach(() => {
  sender = createUndiciSender({ policy: policyAllowing("loopback") })
})
afterEach(() => sender.close())

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

interface HostileAnswer {
  readonly does: string
  readonly act: (socket: Socket) => void
  readonly errorClass: ErrorClass
}

// Endings that come by themselves: the deadline is far away.
it.each<HostileAnswer>([
  { does: "closes without a word", act: (socket) => socket.end(), errorClass: ErrorClass.CONNECT },
  { does: "resets", act: (socket) => socket.resetAndDestroy(), errorClass: ErrorClass.CONNECT },
  { does: "sends garbage", act: (socket) => socket.write("\x00\xff\x16\x03garbage\r\n\r\n"), errorClass: ErrorClass.PROTOCOL },
  { does: "speaks HTTP/0.9", act: (socket) => socket.end("<html>ok</html>"), errorClass: ErrorClass.PROTOCOL },
  { does: "speaks another protocol", act: (socket) => socket.write("SSH-2.0-OpenSSH_9.9\r\n"), errorClass: ErrorClass.PROTOCOL },
  { does: "breaks off in its headers", act: (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-le"), errorClass: ErrorClass.PROTOCOL },
  {
    does: "promises more body than it sends",
    act: (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "resets in its body",
    act: (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", () => socket.resetAndDestroy()),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "names two lengths",
    act: (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!"),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "sends a length beside chunks",
    act: (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "sends a chunk without a size",
    act: (socket) => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok"),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "changes to another protocol",
    act: (socket) => socket.write("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "has endless headers",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      flood(socket, `x-more: ${"a".repeat(1000)}\r\n`)
    },
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "has one endless header",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx-more: ")
      flood(socket, "a".repeat(4096))
    },
    errorClass: ErrorClass.PROTOCOL,
  },
  {
    does: "floods with informational answers",
    act: (socket) => flood(socket, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    errorClass: ErrorClass.PROTOCOL,
  },
])("gives an endpoint that $does its class after one request", async ({ act, errorClass }) => {
  await using endpoint = await startHostileEndpoint(act)
  const result = await sender.send(requestTo(endpoint.url))
  expect(result).toMatchObject({ kind: "none", errorClass })
  expect(endpoint.requests).toBe(1)
})

// Endings that only the deadline brings.
it.each<Omit<HostileAnswer, "errorClass">>([
  { does: "trickles its status line", act: (socket) => trickle(socket, "H") },
  {
    does: "trickles its headers",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx: ")
      trickle(socket, "a")
    },
  },
  {
    does: "trickles its body",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
      trickle(socket, "a")
    },
  },
  {
    does: "never ends its reason",
    act: (socket) => {
      socket.write("HTTP/1.1 200 ")
      trickle(socket, "a")
    },
  },
  {
    does: "never ends its chunk",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff;")
      trickle(socket, "a")
    },
  },
])("ends an exchange at the deadline when the endpoint $does, and closes the connection", async ({ does, act }) => {
  let closed = false
  await using endpoint = await startHostileEndpoint((socket) => {
    socket.on("close", () => {
      closed = true
    })
    act(socket)
  })
  const result = await sender.send(requestTo(endpoint.url, { timeoutMs: 300 }))
  // A run of H is no status line, which the parser sees at the second one.
  expect(result).toMatchObject({ kind: "none", errorClass: does === "trickles its status line" ? ErrorClass.PROTOCOL : ErrorClass.TIMEOUT })
  await eventually(() => closed, { what: "the end of the connection" })
})

it.each<{ does: string; act: (socket: Socket) => void }>([
  {
    does: "in one piece",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      flood(socket, "a".repeat(65_536))
    },
  },
  {
    does: "in chunks",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
      flood(socket, `400\r\n${"a".repeat(1024)}\r\n`)
    },
  },
  {
    does: "after a huge promise",
    act: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
      flood(socket, "a".repeat(65_536))
    },
  },
])("reads an endless body $does up to its bound, then closes the connection", async ({ act }) => {
  let closed = false
  await using endpoint = await startHostileEndpoint((socket) => {
    socket.on("close", () => {
      closed = true
    })
    act(socket)
  })
  const result = await sender.send(requestTo(endpoint.url))
  expect(result).toMatchObject({ kind: "answer", statusCode: 200, truncated: true, body: { length: limits.RESPONSE_BODY_KEPT_BYTES_MAX } })
  await eventually(() => closed, { what: "the end of the connection" })
})

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
  await using endpoint = await startHostileEndpoint((socket, nth) => (nth.overall === 2 ? socket.destroy() : socket.write(OK)))
  expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ statusCode: 200 })
  expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
  expect(endpoint.requests).toBe(2)
  expect(endpoint.connections).toBe(1)
})

it("makes a new connection when the kept-alive one ended while it was idle", async () => {
  let closed = 0
  await using endpoint = await startHostileEndpoint((socket) => socket.on("close", () => closed++).end(OK))
  for (let nth = 1; nth <= 3; nth++) {
    expect(await sender.send(requestTo(endpoint.url))).toMatchObject({ statusCode: 200 })
    expect(endpoint.requests).toBe(nth)
    await eventually(() => closed === nth, { what: "the end of the connection at both ends" })
  }
})

it("never takes a second answer in one packet for the answer to the next request", async () => {
  const planted = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
  await using endpoint = await startHostileEndpoint((socket, nth) => socket.write(nth.overall === 1 ? OK + planted : OK))
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
