import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"

/** A whole answer with a body. */
export const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

/** A request's number from 1. */
export interface Nth {
  readonly onConnection: number
  readonly overall: number
}

export interface RawBehaviour {
  /** Called as soon as a connection is there, over TLS once its handshake is done. */
  readonly onConnection?: (socket: Socket) => void
  /** Called once the head of a request is read. */
  readonly onRequest?: (socket: Socket, nth: Nth) => void
  /** Speaks TLS. */
  readonly tls?: TlsOptions
  /** Where it says that it is; default 127.0.0.1, over TLS by `https`. */
  readonly url?: (port: number) => string
}

export interface RawEndpoint extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Connections accepted so far. */
  readonly connections: number
  /** Connections that have not ended. */
  readonly open: number
  /** Requests whose head was read so far, over all connections. */
  readonly requests: number
}

/**
 * A TCP server on a loopback port that answers with whatever bytes it likes. Reads what it is sent; a head must come in one piece. Cuts
 * every connection when it is disposed of.
 */
export async function startRawEndpoint({ onConnection, onRequest, tls, url }: RawBehaviour): Promise<RawEndpoint> {
  const sockets = new Set<Socket>()
  const counts = { connections: 0, requests: 0 }
  const serve = (socket: Socket): void => {
    let onThis = 0
    // Resets and broken pipes are what the tests bring about.
    socket.on("error", () => undefined)
    socket.on("data", (bytes) => {
      if (bytes.includes("\r\n\r\n")) onRequest?.(socket, { onConnection: ++onThis, overall: ++counts.requests })
    })
    onConnection?.(socket)
  }
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  server.on("tlsClientError", () => undefined)
  server.on("connection", (socket: Socket) => {
    counts.connections++
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: url?.(port) ?? `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/`,
    port,
    get connections() {
      return counts.connections
    },
    get open() {
      return sockets.size
    },
    get requests() {
      return counts.requests
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

/** Writes once after a while, unless the connection has ended by then. */
export function writeLater(socket: Socket, bytes: string, afterMs: number): void {
  const forget = (): void => clearTimeout(timer)
  const timer = setTimeout(() => socket.off("close", forget).write(bytes), afterMs)
  socket.once("close", forget)
}
