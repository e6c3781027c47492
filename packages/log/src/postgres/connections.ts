import { Socket } from "node:net"
import { limits } from "@posthorn/core"
import { Client, DatabaseError, Pool, type ClientConfig } from "pg"
import { LogUnavailable } from "../event-log.ts"

/**
 * Connections by purpose, so that none waits behind another: a long read holds up no append, and neither of them a heartbeat.
 * At most eight, the listening one included.
 */
export interface Connections {
  /** One connection: appends go one after the other. */
  readonly appends: Pool
  readonly reads: Pool
  /** Heartbeats, commits, rebalances. */
  readonly groups: Pool
  /** A connection of its own, not opened yet. */
  newClient(): Client
  /** Waits for statements under way and says goodbye; a connection that does not answer, and any other client's, is broken off. */
  end(): Promise<void>
}

export function openConnections(url: string): Connections {
  const sockets = new Set<Socket>()
  const config: ClientConfig = {
    connectionString: url,
    stream: () => {
      const socket = new Socket()
      sockets.add(socket)
      return socket.once("close", () => sockets.delete(socket))
    },
    application_name: "posthorn-log",
    keepAlive: true,
    connectionTimeoutMillis: limits.LOG_STATEMENT_TIMEOUT_MS,
    statement_timeout: limits.LOG_STATEMENT_TIMEOUT_MS,
    // For a connection that swallows everything; later than the server's own, which says for certain that nothing was done.
    query_timeout: limits.LOG_STATEMENT_TIMEOUT_MS + 1000,
  }
  const pool = (max: number) => {
    const made = new Pool({ ...config, max, idleTimeoutMillis: 0 })
    // An idle connection that breaks is replaced at the next use, which reports what is wrong.
    made.on("error", () => undefined)
    // One that breaks between two statements of a transaction tells the next statement; without a listener it would end the process.
    made.on("connect", (client) => client.on("error", () => undefined))
    return made
  }
  const [appends, reads, groups] = [pool(1), pool(4), pool(2)]
  return {
    appends,
    reads,
    groups,
    newClient: () => new Client(config),
    end: async () => {
      const breakOff = () => sockets.forEach((socket) => socket.destroy())
      const timer = setTimeout(breakOff, limits.LOG_STATEMENT_TIMEOUT_MS)
      await Promise.all([appends.end(), reads.end(), groups.end()])
      clearTimeout(timer)
      breakOff()
    },
  }
}

/** An error that Postgres answered for a statement means that the statement did nothing; anything else leaves that open. */
export function unavailable(error: unknown): LogUnavailable {
  if (error instanceof LogUnavailable) return error
  const refused = error instanceof DatabaseError && error.severity === "ERROR"
  return new LogUnavailable("the log's database did not answer as it should", refused ? "refused" : "unknown", error)
}
