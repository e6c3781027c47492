(globalThis as any).step = new Map()
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { startPostgres } from "@posthorn/testkit/postgres"
import { createPostgresLog } from "./postgres/postgres-log.ts"
const server = await startPostgres()
const main = await createPostgresLog({ url: server.url, partitions: 4 })
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms))
async function once(n: number) {
  const link = await startLink(server.url)
  const log: any = await createPostgresLog({ url: link.url, partitions: 4 })
  await sleep(Math.random() * 30)
  const rec = () => log.append([{ topic: "deliveries", partition: 0, key: "a", value: Buffer.from("x") }])
  await rec()
  await link.cut()
  await rec().catch(() => {}); await log.ping().catch(() => {})
  await link.restore()
  for (;;) { try { await log.ping(); break } catch { await sleep(20) } }
  for (;;) { try { await rec(); break } catch { await sleep(20) } }
  const t = setTimeout(() => { console.log("HANG", n); console.log("after step", (globalThis as any).step.get(log)) }, 15000)
  await log.close(); clearTimeout(t)
  await link.close()
}
for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 4 }, (_, j) => once(i * 4 + j)))
console.log("done")
await main.close(); await server.remove()
/** A way to the database that can be cut (connections break, new ones are refused) or swallow all that is sent. */
async function startLink(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let up = true
  let swallowing = false
  const link = createServer((near) => {
    if (!up || swallowing) return up ? sockets.add(near) : near.destroy()
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
    swallow: () => {
      swallowing = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    restore: async () => {
      up = true
    },
    close: async () => {
      await cut()
      await new Promise<void>((resolve) => link.close(() => resolve()))
    },
  }
}
