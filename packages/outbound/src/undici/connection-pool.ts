import { Connection } from "./connection.ts"
import type { ConnectionFate, Exchange } from "./exchange.ts"
import { closed } from "./failure.ts"
import type { GuardedDial } from "./guarded-dial.ts"

/** Connections to one origin. Exists while one of them does. */
interface Endpoint {
  readonly origin: string
  readonly connections: Set<Connection>
  /** Last used last, so that connections which are not needed fall idle for good. */
  readonly idle: Connection[]
  /** Exchanges that found every connection taken, first come first. */
  readonly waiting: Set<Exchange>
}

/**
 * Connections that are kept alive: bounded for each endpoint, where exchanges then wait, and while idle over all endpoints, where the one
 * that has been idle the longest makes room. No bound ever breaks an exchange under way.
 */
export class ConnectionPool {
  readonly #dial: GuardedDial
  readonly #connectionsPerEndpoint: number
  readonly #idleConnections: number
  readonly #endpoints = new Map<string, Endpoint>()
  /** Idle connections of all endpoints, longest idle first. */
  readonly #idle = new Map<Connection, Endpoint>()
  #closed = false

  constructor(dial: GuardedDial, bounds: { readonly connectionsPerEndpoint: number; readonly idleConnections: number }) {
    this.#dial = dial
    this.#connectionsPerEndpoint = bounds.connectionsPerEndpoint
    this.#idleConnections = bounds.idleConnections
  }

  /** Finds the exchange a connection, or lets it wait for one. It must be given back by `release` once it is settled. */
  run(exchange: Exchange): void {
    if (this.#closed) return exchange.fail(closed)
    const endpoint = this.#endpointOf(exchange.target.origin)
    const connection = endpoint.idle.pop()
    if (connection !== undefined) {
      this.#idle.delete(connection)
      carry(connection, exchange)
    } else if (endpoint.connections.size < this.#connectionsPerEndpoint) {
      carry(this.#open(endpoint), exchange)
    } else {
      endpoint.waiting.add(exchange)
    }
  }

  /** Takes a settled exchange out, and gives its connection to the next one or keeps it for later. */
  release(exchange: Exchange, fate: ConnectionFate): void {
    const { connection, target } = exchange
    const endpoint = this.#endpoints.get(target.origin)
    if (endpoint === undefined) return
    endpoint.waiting.delete(exchange)
    if (connection === undefined) return
    if (fate === "spent") this.#drop(endpoint, connection)
    if (this.#closed) return
    const [next] = endpoint.waiting
    if (next !== undefined) {
      endpoint.waiting.delete(next)
      carry(fate === "spent" ? this.#open(endpoint) : connection, next)
    } else if (fate === "reusable") {
      this.#park(endpoint, connection)
    }
  }

  /** Ends every connection; exchanges under way and waiting fail. */
  async close(): Promise<void> {
    this.#closed = true
    const endpoints = [...this.#endpoints.values()]
    const connections = endpoints.flatMap((endpoint) => [...endpoint.connections])
    for (const endpoint of endpoints) for (const exchange of endpoint.waiting) exchange.fail(closed)
    await Promise.all(connections.map((connection) => connection.destroy()))
  }

  #endpointOf(origin: string): Endpoint {
    const known = this.#endpoints.get(origin)
    if (known !== undefined) return known
    const endpoint: Endpoint = { origin, connections: new Set(), idle: [], waiting: new Set() }
    this.#endpoints.set(origin, endpoint)
    return endpoint
  }

  #open(endpoint: Endpoint): Connection {
    const connection = new Connection(endpoint.origin, this.#dial, (lost) => {
      if (this.#idle.has(lost)) this.#drop(endpoint, lost)
    })
    this.#endpoints.set(endpoint.origin, endpoint)
    endpoint.connections.add(connection)
    return connection
  }

  #park(endpoint: Endpoint, connection: Connection): void {
    endpoint.idle.push(connection)
    this.#idle.set(connection, endpoint)
    const [oldest] = this.#idle
    if (this.#idle.size > this.#idleConnections && oldest !== undefined) this.#drop(oldest[1], oldest[0])
  }

  #drop(endpoint: Endpoint, connection: Connection): void {
    endpoint.connections.delete(connection)
    if (this.#idle.delete(connection)) endpoint.idle.splice(endpoint.idle.indexOf(connection), 1)
    if (endpoint.connections.size === 0) this.#endpoints.delete(endpoint.origin)
    void connection.destroy()
  }
}

function carry(connection: Connection, exchange: Exchange): void {
  exchange.connection = connection
  connection.carry(exchange.options, exchange)
}
