import { EventEmitter, once } from "node:events"
import { createRequire } from "node:module"
import { createServer, type AddressInfo, type Socket } from "node:net"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { kafkaClient } from "./kafka-client.ts"

const require = createRequire(import.meta.url)

interface ClientConnection {
  readonly requestQueue: { fulfillRequest(answer: { readonly correlationId: number }): void }
  connect(): Promise<true>
  disconnect(): Promise<true>
  isConnected(): boolean
}

test("an answer that was cut in the middle is not taken for the beginning of the next connection's first one", async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  kafkaClient({ brokers: [`127.0.0.1:${port}`], clientId: "test" })
  const connection = openConnection(port)
  const answered: number[] = []
  connection.requestQueue.fulfillRequest = ({ correlationId }) => void answered.push(correlationId)
  const answer = (correlationId: number): Buffer => {
    const bytes = Buffer.alloc(12)
    bytes.writeInt32BE(8)
    bytes.writeInt32BE(correlationId, 4)
    return bytes
  }

  await connection.connect()
  await eventually(() => sockets.length === 1, { what: "the first connection" })
  const first = sockets[0]!
  first.write(answer(1))
  await eventually(() => answered.length === 1, { what: "the first answer" })
  first.end(answer(2).subarray(0, 7))
  await eventually(() => !connection.isConnected(), { what: "the end of the first connection" })

  await connection.connect()
  await eventually(() => sockets.length === 2, { what: "the second connection" })
  const second = sockets[1]!
  second.write(answer(3))
  await eventually(() => answered.length === 2, { what: "the answer of the second connection" })
  expect(answered).toEqual([1, 3])

  await connection.disconnect()
  server.close()
})

function openConnection(port: number): ClientConnection {
  const Connection = require("kafkajs/src/network/connection") as new (options: object) => ClientConnection
  const { createLogger, LEVELS } = require("kafkajs/src/loggers") as {
    createLogger: (options: object) => object
    LEVELS: { NOTHING: number }
  }
  const socketFactory = (require("kafkajs/src/network/socketFactory") as () => object)()
  const logger = createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined })
  const timeouts = { requestTimeout: 5000, connectionTimeout: 5000, enforceRequestTimeout: true }
  return new Connection({
    host: "127.0.0.1",
    port,
    clientId: "test",
    socketFactory,
    logger,
    instrumentationEmitter: new EventEmitter(),
    ...timeouts,
  })
}
