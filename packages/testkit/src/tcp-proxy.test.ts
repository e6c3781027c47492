import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { text } from "node:stream/consumers"
import { afterEach, beforeEach, expect, it } from "vitest"
import { eventually } from "./eventually.ts"
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts"

let target: Server
let proxy: TcpProxy
let arrived: string
const sockets = new Set<Socket>()

// Answers everything with itself, and ends when the client does.
beforeEach(async () => {
  arrived = ""
  target = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("data", (bytes) => {
      arrived += bytes.toString("latin1")
      socket.write(bytes)
    })
  }).listen(0, "127.0.0.1")
  await once(target, "listening")
  proxy = await startTcpProxy({ target: { host: "127.0.0.1", port: (target.address() as AddressInfo).port } })
})
afterEach(async () => {
  await proxy.stop()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await new Promise((closed) => target.close(closed))
})

interface Client {
  readonly socket: Socket
  /** What has come back so far. */
  got(): string
  /** Code of the error that ended it. */
  readonly broken: Promise<string>
}

function open(): Client {
  let got = ""
  const socket = connect(proxy.port, "127.0.0.1").on("data", (bytes) => (got += bytes.toString("latin1")))
  const broken = new Promise<string>((resolve) => void socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "")))
  return { socket, got: () => got, broken }
}

async function talk(client: Client, words: string): Promise<void> {
  const before = client.got()
  client.socket.write(words)
  await eventually(() => client.got() === before + words, { what: "the answer" })
}

it("passes everything on in both directions, in order, and the end of either side", async () => {
  const sent = Buffer.alloc(5_000_000, "0123456789abc").toString("latin1")
  const socket = connect(proxy.port, "127.0.0.1")
  const back = text(socket)
  socket.end(sent)
  expect((await back) === sent).toBe(true)
})

it("cuts open connections at both ends, and takes new ones", async () => {
  const client = open()
  await talk(client, "a")
  proxy.cut()
  expect(await client.broken).toBe("ECONNRESET")
  await eventually(() => [...sockets].every((socket) => socket.destroyed))
  await talk(open(), "b")
})

it("refuses new connections while open ones go on, until it is restored on the same port", async () => {
  const client = open()
  await talk(client, "a")
  proxy.refuse()
  expect(await open().broken).toBe("ECONNREFUSED")
  await talk(client, "b")
  const { port } = proxy
  proxy.restore()
  await eventually(() => talk(open(), "c"))
  expect(proxy.port).toBe(port)
  await talk(client, "d")
})

it.each(["requests", "answers", undefined] as const)(
  "lets no %s pass while it is stalled, and all of them afterwards",
  async (direction) => {
    const client = open()
    await talk(client, "a")
    proxy.stall(direction)
    client.socket.write("bc")
    if (direction === "answers") await eventually(() => arrived === "abc", { what: "the request" })
    // A connection that is not stalled is as far as this one would be.
    const other = await startTcpProxy({ target: target.address() as AddressInfo & { host: string } })
    const witness = connect(other.port, "127.0.0.1").end("x")
    expect(await text(witness)).toBe("x")
    await other.stop()
    expect(client.got()).toBe("a")
    if (direction !== "answers") expect(arrived).toBe("ax")
    proxy.restore()
    await eventually(() => client.got() === "abc", { what: "what was held back" })
  },
)

it("delays both ways, keeps the order, and lets go of what it holds when it is restored", async () => {
  const client = open()
  await talk(client, "a")
  proxy.delay(50)
  const beganMs = performance.now()
  await talk(client, "b".repeat(200_000))
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(99)
  proxy.delay(3_600_000)
  client.socket.write("later")
  await eventually(() => arrived.length === 200_001)
  proxy.restore()
  await eventually(() => client.got().endsWith("later"), { what: "what was held back" })
})

it("drops the answer to the request that is meant, after the target has had it, and no other", async () => {
  const [meant, other] = [open(), open()]
  const dropped = proxy.dropAnswer((request) => request.toString().startsWith("produce"))
  await talk(other, "fetch")
  meant.socket.write("produce")
  await dropped
  expect(await meant.broken).toBe("ECONNRESET")
  expect(meant.got()).toBe("")
  expect(arrived).toBe("fetchproduce")
  await talk(other, "produce")
})

it("passes answers on as something else, until it is restored", async () => {
  const client = open()
  proxy.changeAnswers((answer) => Buffer.from(answer.toString().toUpperCase()))
  client.socket.write("abc")
  await eventually(() => client.got() === "ABC", { what: "the changed answer" })
  expect(arrived).toBe("abc")
  proxy.restore()
  await talk(client, "d")
})

it("resets a connection that the target does not take", async () => {
  const nowhere = await startTcpProxy({ target: { host: "127.0.0.1", port: 1 } })
  const socket = connect(nowhere.port, "127.0.0.1")
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException]
  expect(error.code).toBe("ECONNRESET")
  await nowhere.stop()
})
