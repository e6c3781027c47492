import { startTcpProxy, type TcpProxy } from "@posthorn/testkit"

/** The ways between the services and what they stand on. */
export interface Network {
  /** One for each broker. */
  readonly kafka: readonly TcpProxy[]
  /** To Postgres and ClickHouse. */
  readonly stores: readonly TcpProxy[]
}

/** Opens a way through a proxy, and keeps that with the others. */
export const wayThrough =
  (ways: TcpProxy[]) =>
  async (port: number): Promise<number> => {
    const way = await startTcpProxy({ target: { host: "127.0.0.1", port } })
    ways.push(way)
    return way.port
  }
