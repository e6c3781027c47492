import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import * as tls from "node:tls"
import { ErrorClass } from "@posthorn/proto"
import { addresses, type Certificate, certificateFor, type DnsServer, startDnsServer } from "@posthorn/testkit"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import type { AttemptSender, SendResult } from "../attempt-sender.ts"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import { createUndiciSender } from "./undici-sender.ts"

const NAME = "hooks.example.com"
const authorities = tls.getCACertificates("default")
const servers = new Set<{ readonly server: Server; readonly sockets: Set<Socket> }>()
let trusted: Certificate
let strange: Certificate
let otherName: Certificate
let outdated: Certificate
let dns: DnsServer
let sender: AttemptSender | undefined

beforeAll(async () => {
  trusted = await certificateFor(NAME)
  strange = await certificateFor(NAME)
  otherName = await certificateFor("other.example.com")
  outdated = await certificateFor(NAME, new Date(Date.now() - 1000))
  tls.setDefaultCACertificates([trusted.cert, otherName.cert, outdated.cert])
  dns = await startDnsServer((question) => addresses(question, "127.0.0.1"))
})

afterEach(async () => {
  await sender?.close()
  sender = undefined
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  servers.clear()
})

afterAll(async () => {
  tls.setDefaultCACertificates(authorities)
  await dns.stop()
})

it("delivers over a trusted certificate by the endpoint's name, and measures the handshake", async () => {
  const names: string[] = []
  const context = tls.createSecureContext(trusted)
  const SNICallback: tls.TlsOptions["SNICallback"] = (name, callback) => {
    names.push(name)
    callback(null, context)
  }
  const port = await listen(tls.createServer({ SNICallback }, answerAll))
  const result = await sendTo(port)
  expect(result).toMatchObject({ kind: "answer", statusCode: 200 })
  expect(names).toEqual([NAME])
  expect(result.phases.tls).toBeGreaterThan(0)
  expect((await sendTo(port)).phases).toMatchObject({ dns: 0, connect: 0, tls: 0 })
})

it.each([
  { fault: "nobody trusts", certificate: () => strange, version: "TLSv1.3" as const },
  { fault: "is for another name", certificate: () => otherName, version: "TLSv1.3" as const },
  // Older sessions could be resumed without the name being looked at again.
  { fault: "is for another name, on the older protocol", certificate: () => otherName, version: "TLSv1.2" as const },
  { fault: "has expired", certificate: () => outdated, version: "TLSv1.3" as const },
])("refuses a certificate that $fault every time, before anything is sent", async ({ certificate, version }) => {
  let bytes = 0
  const port = await listen(
    tls.createServer({ ...certificate(), maxVersion: version }, (socket) => socket.on("data", (chunk) => (bytes += chunk.length))),
  )
  for (let time = 0; time < 3; time++) {
    expect(await sendTo(port)).toMatchObject({ kind: "none", errorClass: ErrorClass.TLS })
  }
  expect(bytes).toBe(0)
})

it("calls it a failed handshake when the endpoint breaks the encryption later", async () => {
  expect(await sendTo(await listen(await breakingEncryption()))).toMatchObject({ kind: "none", errorClass: ErrorClass.TLS })
})

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  servers.add({ server, sockets })
  // A refused handshake is what the tests bring about.
  server.on("tlsClientError", () => undefined)
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

/** Passes everything on to a proper endpoint, and writes in the clear below the encryption once that one has read a request. */
async function breakingEncryption(): Promise<Server> {
  let outer: Socket | undefined
  const port = await listen(
    tls.createServer(trusted, (socket) => socket.once("data", () => outer?.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))),
  )
  return createServer((socket) => {
    outer = socket
    const inner = connect(port, "127.0.0.1")
    inner.on("error", () => undefined)
    socket.pipe(inner).pipe(socket)
  })
}

const answerAll = (socket: Socket): void => {
  socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
}

function sendTo(port: number): Promise<SendResult> {
  sender ??= createUndiciSender({ policy: policyAllowing("loopback", [dns.address]) })
  return sender.send(requestTo(`https://${NAME}:${port}/`))
}
