import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import * as tls from "node:tls"
import { ErrorClass } from "@posthorn/proto"
import { addresses, type DnsServer, startDnsServer } from "@posthorn/testkit"
import { generate } from "selfsigned"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import type { AttemptSender, SendResult } from "../attempt-sender.ts"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import { createUndiciSender } from "./undici-sender.ts"

interface Certificate {
  readonly cert: string
  readonly key: string
}

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

it.each([
  { peer: "speaks no TLS", listener: () => createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")) },
  { peer: "ends in the handshake", listener: () => createServer((socket) => socket.once("data", () => socket.destroy())) },
  {
    peer: "wants a certificate of ours",
    listener: () => tls.createServer({ ...trusted, requestCert: true, maxVersion: "TLSv1.2" as const }),
  },
  { peer: "breaks the encryption later", listener: breakingEncryption },
])("calls it a failed handshake when the endpoint $peer", async ({ listener }) => {
  expect(await sendTo(await listen(await listener()))).toMatchObject({ kind: "none", errorClass: ErrorClass.TLS })
})

it("ends at the deadline, and hangs up, when the handshake never ends", async () => {
  const hungUp = Promise.withResolvers<void>()
  const port = await listen(createServer((socket) => socket.on("close", () => hungUp.resolve()).resume()))
  expect(await sendTo(port, 300)).toMatchObject({ kind: "none", errorClass: ErrorClass.TIMEOUT })
  await hungUp.promise
})

async function certificateFor(name: string, notAfterDate?: Date): Promise<Certificate> {
  const attributes = [{ name: "commonName", value: name }]
  const extensions = [{ name: "subjectAltName" as const, altNames: [{ type: 2 as const, value: name }] }]
  const notBeforeDate = new Date(Date.now() - 24 * 60 * 60 * 1000)
  const pair = await generate(attributes, {
    keyType: "ec",
    extensions,
    notBeforeDate,
    ...(notAfterDate === undefined ? {} : { notAfterDate }),
  })
  return { cert: pair.cert, key: pair.private }
}

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

function sendTo(port: number, timeoutMs = 20_000): Promise<SendResult> {
  sender ??= createUndiciSender({ policy: policyAllowing("loopback", [dns.address]) })
  return sender.send(requestTo(`https://${NAME}:${port}/`, { timeoutMs }))
}
