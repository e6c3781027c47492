import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { TcpLine, type LineState } from "./tcp-line.ts"

/** `requests` go to the target, `answers` come back from it. */
export type Direction = "requests" | "answers"

export interface TcpProxyOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** Default 0, any free port. */
  readonly port?: number
}

/** A way to a server, on loopback, that can be disturbed. What is done to it lasts until `restore`, and holds for all connections. */
export interface TcpProxy {
  /** Stays the same for the proxy's whole life. */
  readonly port: number
  /** Resets every connection, at both ends. Further ones are taken. */
  cut(): void
  /** Refuses further connections, as if nobody listened. Those that are open go on. */
  refuse(): void
  /** Delays every piece of data in either direction; order is kept, and so is what goes on at the same time. */
  delay(ms: number): void
  /** Lets nothing pass in one direction, or in both; connections stay open, and further ones are taken and get no further. */
  stall(direction?: Direction): void
  /**
   * Lets the next request through that the predicate takes (default: any), throws its answer away and resets the connection. Resolves once
   * that has happened. A request is judged by the first piece of data in which it comes.
   */
  dropAnswer(to?: (request: Buffer) => boolean): Promise<void>
  /** Passes every piece of data that comes back on as something else. */
  changeAnswers(change: (answer: Buffer) => Buffer): void
  /** Everything passes at once and as it is, also what was held back; connections are taken a moment later. */
  restore(): void
  stop(): Promise<void>
}

interface Drop {
  readonly to: (request: Buffer) => boolean
  readonly done: () => void
}

interface Pair {
  readonly lines: readonly TcpLine[]
  reset(): void
}

/** How long another one's connection may have the port, between two tries to listen again. */
const LISTEN_AGAIN_MS = 20

/** Starts a proxy in front of a server. A connection that the server does not take is reset. */
export async function startTcpProxy({ target, port: wanted = 0 }: TcpProxyOptions): Promise<TcpProxy> {
  const states: Record<Direction, LineState> = { requests: passing(), answers: passing() }
  const pairs = new Set<Pair>()
  let drop: Drop | undefined
  let refusing = false

  const takeDrop = (request: Buffer): Drop | undefined => {
    const taken = drop?.to(request) === true ? drop : undefined
    if (taken !== undefined) drop = undefined
    return taken
  }
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ ...target, allowHalfOpen: true })
    const pair = join({ client, server, states, takeDrop })
    pairs.add(pair)
    for (const socket of [client, server]) socket.once("close", () => client.destroyed && server.destroyed && pairs.delete(pair))
  })
  const moveAll = (): void => {
    for (const { lines } of pairs) for (const line of lines) line.move()
  }
  const cut = (): void => {
    for (const pair of pairs) pair.reset()
  }
  const listen = async (port: number): Promise<number> => {
    await once(proxy.listen(port, "127.0.0.1"), "listening")
    return (proxy.address() as AddressInfo).port
  }
  const port = await listen(wanted)
  const listenAgain = (): void => {
    if (refusing || proxy.listening) return
    listen(port).then(
      () => void (refusing && proxy.close()),
      () => void setTimeout(listenAgain, LISTEN_AGAIN_MS),
    )
  }

  return {
    port,
    cut,
    refuse() {
      refusing = true
      proxy.close()
    },
    delay(ms) {
      for (const state of Object.values(states)) state.delayMs = ms
      moveAll()
    },
    stall(direction) {
      for (const each of direction === undefined ? Object.values(states) : [states[direction]]) each.stalled = true
      moveAll()
    },
    dropAnswer: (to = () => true) => new Promise((done) => void (drop = { to, done })),
    changeAnswers(how) {
      states.answers.change = how
    },
    restore() {
      refusing = false
      drop = undefined
      for (const state of Object.values(states)) Object.assign(state, passing())
      moveAll()
      listenAgain()
    },
    stop: () =>
      new Promise((resolve) => {
        refusing = true
        proxy.close(() => resolve())
        cut()
      }),
  }
}

const passing = (): LineState => ({ delayMs: 0, stalled: false, change: (bytes) => bytes })

interface Ends {
  readonly client: Socket
  readonly server: Socket
  readonly states: Readonly<Record<Direction, LineState>>
  readonly takeDrop: (request: Buffer) => Drop | undefined
}

/** Passes everything on between two sockets; a connection that breaks at one end breaks at the other. */
function join({ client, server, states, takeDrop }: Ends): Pair {
  const requests = new TcpLine(client, server, states.requests)
  const answers = new TcpLine(server, client, states.answers)
  let dropping: Drop | undefined

  const reset = (): void => {
    for (const socket of [client, server]) {
      if (socket.connecting) socket.destroy()
      else socket.resetAndDestroy()
    }
  }
  client.on("data", (bytes) => {
    dropping ??= takeDrop(bytes)
    requests.pass(bytes)
  })
  server.on("data", (bytes) => {
    if (dropping === undefined) return answers.pass(bytes)
    dropping.done()
    return reset()
  })
  for (const socket of [client, server]) socket.on("error", reset)
  const lines = [requests, answers]
  for (const line of lines) line.move()
  return { lines, reset }
}
