import { createServer, type AddressInfo, type Socket } from "node:net"

export interface HostileEndpoint extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Connections accepted so far. */
  readonly connections: number
  /** Requests whose head was read so far, over all connections. */
  readonly requests: number
}

/**
 * A TCP server for tests that answers with whatever bytes it likes: `onRequest` is called once the head of a request is read, with the
 * request's number on its connection and over all, from 1.
 */
export async function startHostileEndpoint(
  onRequest: (socket: Socket, nth: { readonly onConnection: number; readonly overall: number }) => void,
): Promise<HostileEndpoint> {
  const sockets = new Set<Socket>()
  let connections = 0
  let requests = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    let onConnection = 0
    // Resets and broken pipes are what the tests bring about.
    socket.on("error", () => undefined)
    socket.on("close", () => sockets.delete(socket))
    socket.on("data", (bytes) => {
      if (!bytes.includes("\r\n\r\n")) return
      onRequest(socket, { onConnection: ++onConnection, overall: ++requests })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    get connections() {
      return connections
    },
    get requests() {
      return requests
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Writes the same bytes as fast as the reader takes them, until the connection ends. */
export function flood(socket: Socket, bytes: string): void {
  const pump = (): void => {
    while (!socket.destroyed && socket.write(bytes)) continue
  }
  socket.on("drain", pump)
  pump()
}

/** Writes one byte again and again, slowly, until the connection ends. */
export function trickle(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 20)
  socket.on("close", () => clearInterval(timer))
}
