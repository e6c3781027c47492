import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** What a client is told to open its connections with. Plain TCP only. */
export type SocketFactory = (options: { readonly host: string; readonly port: number; readonly onConnect: () => void }) => Socket

/** A network between a client and its servers that can stand still: connections stay open, and nothing passes in either direction. */
export interface StallableNetwork {
  readonly socketFactory: SocketFactory
  /** Also new connections are accepted and get no further. */
  stall(): void
  /** What was held back goes on its way. */
  resume(): void
  close(): Promise<void>
}

/** Starts a proxy on loopback for each of the servers, given as `host:port`. Others cannot be reached. */
export async function startStallableNetwork(servers: readonly string[]): Promise<StallableNetwork> {
  const sockets = new Set<Socket>()
  let stalled = false

  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on("data", (chunk) => to.write(chunk))
    if (stalled) from.pause()
    from.on("error", () => to.destroy())
    from.once("close", () => {
      sockets.delete(from)
      to.destroy()
    })
  }

  const startProxy = async (address: string): Promise<readonly [string, Server]> => {
    const { hostname, port } = new URL(`tcp://${address}`)
    const proxy = createServer((client) => {
      const server = connect(Number(port), hostname)
      pass(client, server)
      pass(server, client)
    }).listen(0, "127.0.0.1")
    await once(proxy, "listening")
    return [address, proxy]
  }

  const proxies = new Map(await Promise.all(servers.map(startProxy)))
  return {
    socketFactory: ({ host, port, onConnect }) => {
      const proxy = proxies.get(`${host}:${port}`)
      if (proxy === undefined) throw new Error(`no proxy for ${host}:${port}`)
      return connect((proxy.address() as AddressInfo).port, "127.0.0.1", onConnect)
    },
    stall: () => {
      stalled = true
      for (const socket of sockets) socket.pause()
    },
    resume: () => {
      stalled = false
      for (const socket of sockets) socket.resume()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([...proxies.values()].map((proxy) => new Promise((closed) => proxy.close(closed))))
    },
  }
}
