import { Agent, request as httpRequest } from "node:http"
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2"
import { connect, type Socket } from "node:net"
import { credentials, makeClientConstructor } from "@grpc/grpc-js"
import { limits } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { service as healthService } from "grpc-health-check"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors({ corsOrigins: ["*"] })
})
afterAll(() => doors.close())
const sockets: Socket[] = []
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()))

interface Raw {
  readonly socket: Socket
  received(): string
  readonly closed: Promise<void>
}

function raw(port: number, bytes: string | Buffer): Raw {
  const { promise, resolve } = Promise.withResolvers<void>()
  let text = ""
  const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
  sockets.push(socket)
  socket.on("data", (chunk) => (text += chunk.toString("latin1")))
  socket.on("error", () => undefined).on("close", () => resolve())
  return { socket, received: () => text, closed: promise }
}

const portOf = (url: string): number => Number(new URL(url).port)
const UUID = /^[0-9a-f-]{36}$/

describe("request ids", () => {
  test.each([
    ["GET", "/livez"],
    ["GET", "/nothing"],
    ["GET", "/v1/applications"],
    ["DELETE", "/v1/events"],
    ["POST", "/v1/ingest/sub_x"],
    ["POST", "/posthorn.v1.ApplicationService/ListApplications"],
    ["OPTIONS", "/v1/events"],
    ["TRACE", "/v1/events"],
    ["POST", "/%"],
  ])("%s %s is answered with the caller's own, or with a new one when that is not plain", async (method, path) => {
    const port = portOf(doors.url)
    const idFor = async (id: string): Promise<string | undefined> => {
      const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\norigin: https://a.example\r\naccess-control-request-method: POST\r\nx-request-id: ${id}\r\n\r\n`
      const answer = raw(port, head)
      await answer.closed
      return /x-request-id: (.*)\r\n/i.exec(answer.received())?.[1]
    }
    expect(await idFor("r-1")).toBe("r-1")
    for (const hostile of ["a b", "<script>", "x".repeat(129), "\x7f", "é", '"', ""]) expect(await idFor(hostile)).toMatch(UUID)
  })

  test.each([
    ["no host", "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    ["an expectation", "POST /v1/events HTTP/1.1\r\nhost: x\r\nexpect: a-miracle\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 417],
    ["a URL longer than all headers may be", `GET /${"a".repeat(limits.REQUEST_HEADERS_BYTES_MAX)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    [
      "no host, as HTTP/1.0 allows it, where one is needed",
      "POST /posthorn.v1.KeyService/ListKeys HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
      400,
    ],
    ["HTTP/2 without a word about it", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ])("%s is refused in the shape of every error", async (_, text, status) => {
    const answer = raw(portOf(doors.url), text)
    await answer.closed
    expect(answer.received().split("\r\n")[0]).toContain(`HTTP/1.1 ${status} `)
    expect(/x-request-id: (.*)\r\n/i.exec(answer.received())?.[1]).toMatch(UUID)
    expect(JSON.parse(answer.received().slice(answer.received().indexOf("\r\n\r\n")))).toMatchObject({ code: "invalid_argument" })
  })

  test("headers of any number are bounded by their bytes", async () => {
    const many = Array.from({ length: 1900 }, (_, at) => `a${at}: 1\r\n`).join("")
    const answer = raw(portOf(doors.url), `GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${many}\r\n`)
    await answer.closed
    expect(answer.received()).toMatch(/^HTTP\/1\.1 (200|431) /)
  })
})

describe("closing the HTTP port", () => {
  test("those who keep connections are told with an answer, and no request of theirs is cut off", async () => {
    await using own = await openTestDoors({ graceMs: 20_000 })
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    const get = (): Promise<string | undefined> => {
      const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
      const request = httpRequest(`${own.url}/livez`, { agent }, (response) =>
        response.resume().on("end", () => resolve(response.headers.connection)),
      )
      request.on("error", reject).end()
      return promise
    }
    await Promise.all(Array.from({ length: 8 }, get)) // Leaves eight idle connections.
    const closed = own.close()
    expect((await fetch(`${own.url}/readyz`, { headers: { connection: "close" } })).status).toBe(503)
    expect(await Promise.all(Array.from({ length: 8 }, get))).toEqual(Array(8).fill("close"))
    await closed // As soon as they have let go.
    agent.destroy()
  })
})

test("headers and bodies that do not come to their end are answered and cut off, while others are served", async () => {
  await using own = await openTestDoors({ requestTimeoutMs: 2000 })
  const port = portOf(own.url)
  const slowHeaders = raw(port, "POST /v1/events HTTP/1.1\r\nhost: x\r\n")
  const slowBody = raw(port, "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sender\r\ncontent-length: 100\r\n\r\n{")
  const drip = setInterval(() => [slowHeaders, slowBody].forEach(({ socket }) => socket.writable && socket.write("a")), 500)
  await Promise.all([slowHeaders.closed, slowBody.closed])
  clearInterval(drip)
  for (const slow of [slowHeaders, slowBody]) expect(slow.received()).toMatch(/^HTTP\/1\.1 408 /)
  expect((await own.rest("GET", "/livez")).status).toBe(200)
})

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

function frame(type: number, { flags = 0, stream = 0, payload = Buffer.alloc(0) } = {}): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const [HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION] = [1, 3, 4, 6, 9]
const START = Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS)])
/** `:method POST`, `:scheme http`, `:path /`, from HPACK's own table. */
const BLOCK = Buffer.from([0x83, 0x86, 0x84])
const times = (count: number, make: (at: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, at) => make(at)))

const ROUNDS_MAX = 200

describe("the gRPC port under attack", () => {
  const check = async (address: string): Promise<string> => {
    const Health = makeClientConstructor(healthService, "Health")
    const client = new Health(address, credentials.createInsecure())
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    client["check"]?.({ service: "" }, (error: Error | null, answer: { status: string }) =>
      error ? reject(error) : resolve(answer.status),
    )
    return promise.finally(() => client.close())
  }
  test.each([
    ["streams that are reset at once", (round: number) => times(1000, (at) => stream(2 * (round * 1000 + at) + 1))],
    ["pings", () => times(2000, () => frame(PING, { payload: Buffer.alloc(8) }))],
    ["settings", () => times(2000, () => frame(SETTINGS))],
    [
      "headers without an end",
      (round: number) =>
        Buffer.concat([
          ...(round === 0 ? [frame(HEADERS, { stream: 1, payload: BLOCK })] : []),
          times(200, () => frame(CONTINUATION, { stream: 1, payload: Buffer.alloc(1000, 0x84) })),
        ]),
    ],
    ["frames that are none", () => times(500, () => frame(0xee, { payload: Buffer.alloc(100) }))],
  ])("a flood of %s ends with its connection, and others are served", async (_, flood) => {
    await using own = await openTestDoors()
    const port = Number(own.grpcAddress.split(":")[1])
    const attackers = Array.from({ length: 4 }, () => raw(port, START))
    // Nobody takes the answers.
    for (const { socket } of attackers) socket.pause()
    const attack = async ({ socket, closed }: Raw): Promise<number> => {
      let sent = 0
      for (let round = 0; round < ROUNDS_MAX && socket.writable; round++) {
        const bytes = flood(round)
        sent += bytes.length
        if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed])
      }
      socket.resume() // An end is seen only by who reads.
      await closed
      return sent
    }
    const all = Promise.all(attackers.map(attack))
    expect(await check(own.grpcAddress)).toBe("SERVING")
    await all
    expect(await check(own.grpcAddress)).toBe("SERVING")
  })

  test("more calls at a time than a connection may have are refused, and it goes on", async () => {
    await using own = await openTestDoors()
    const never = new Promise<never>(() => undefined)
    own.answers.set("GetApplication", () => never)
    const session: ClientHttp2Session = connectHttp2(`http://${own.grpcAddress}`)
    await new Promise((resolve) => session.once("remoteSettings", resolve))
    expect(session.remoteSettings.maxConcurrentStreams).toBe(limits.GRPC_STREAMS_MAX)
    session.destroy()
    expect(await check(own.grpcAddress)).toBe("SERVING")
  })

  test("connections that say nothing do not keep it from closing", async () => {
    const own = await openTestDoors()
    const port = Number(own.grpcAddress.split(":")[1])
    const silent = Array.from({ length: 50 }, () => raw(port, ""))
    await eventually(() => silent.every(({ socket }) => socket.readyState === "open"))
    expect(await check(own.grpcAddress)).toBe("SERVING")
    await own.close()
    await Promise.all(silent.map(({ closed }) => closed))
  })
})

/** A stream that is opened and reset. */
const stream = (id: number): Buffer =>
  Buffer.concat([
    frame(HEADERS, { flags: 0x4, stream: id, payload: BLOCK }),
    frame(RST_STREAM, { stream: id, payload: Buffer.from([0, 0, 0, 8]) }),
  ])
