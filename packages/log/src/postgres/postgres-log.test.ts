import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { startPostgres, type PostgresServer } from "@posthorn/testkit/postgres"
import { afterAll, beforeAll } from "vitest"
import { logConformance } from "../conformance/log-conformance.ts"
import type { EventLog } from "../event-log.ts"
import { createPostgresLog } from "./postgres-log.ts"

let server: PostgresServer
let logs = 0

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server.remove(), 60_000)

logConformance("postgres", async () => {
  const schema = `log_${++logs}`
  const closes: (() => Promise<void>)[] = []
  const openAt = async (url: string): Promise<EventLog> => {
    const log = await createPostgresLog({ url, partitions: 4, schema })
    closes.unshift(() => log.close())
    return log
  }
  return {
    log: await openAt(server.url),
    drains: true,
    openAnother: () => openAt(server.url),
    openFragile: async () => {
      const link = await startLink(server.url)
      closes.unshift(link.close)
      return { log: await openAt(link.url), cutOff: link.cut, restore: link.restore }
    },
    close: async () => {
      for (const close of closes) await close()
    },
  }
})

/** A way to the database that can be cut: connections break and new ones are refused. */
async function startLink(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let up = true
  const link = createServer((near) => {
    if (!up) return near.destroy()
    const far = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy())
      from.on("close", () => sockets.delete(from))
      from.pipe(to)
    }
    return undefined
  })
  await new Promise<void>((resolve) => link.listen(0, "127.0.0.1", resolve))
  const through = new URL(url)
  through.port = String((link.address() as AddressInfo).port)
  const cut = async () => {
    up = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: through.href,
    cut,
    restore: async () => {
      up = true
    },
    close: async () => {
      await cut()
      await new Promise<void>((resolve) => link.close(() => resolve()))
    },
  }
}
